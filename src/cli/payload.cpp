#include "cli/payload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "util/error.h"
#include "util/json_object.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr std::size_t small_bytes = 1024 * 1024;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDIN_FILENO) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string read_all(int fd, const std::string& name, const std::function<std::int64_t()>& limit) {
  std::string content;
  std::size_t most = 0;  // not asked yet
  for (;;) {
    if (content.size() > small_bytes) {
      if (most == 0) most = static_cast<std::size_t>(limit());
      if (content.size() > most)
        throw DataError(
            fmt::format("{}: a payload may have at most {} bytes (settings.payload_limit): store "
                        "large data elsewhere and "
                        "pass a reference",
                        name, most));
    }
    const std::size_t had = content.size();
    content.resize(had + std::max<std::size_t>(64 * 1024, had / 4));
    const ssize_t got = read(fd, content.data() + had, content.size() - had);
    const int error = errno;
    content.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return content;
    if (got < 0 && error != EINTR)
      throw DataError(fmt::format("{}: cannot read the payload: {}", name, std::strerror(error)));
  }
}

}  // namespace

std::string read_payload(const std::string& argument, const std::function<std::int64_t()>& limit) {
  if (argument == "-") return read_all(STDIN_FILENO, "standard input", limit);
  if (!argument.starts_with('@')) return argument;
  const std::string name = argument.substr(1);
  const Descriptor file(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0)
    throw DataError(
        fmt::format("{}: cannot open the payload: {}", escape_control(name), std::strerror(errno)));
  return read_all(file.get(), escape_control(name), limit);
}

void check_payload(const std::string& payload) {
  if (payload.empty()) throw DataError("payload is empty: pass a JSON object, for example {}");
  if (!is_storable(payload))
    throw DataError(
        "payload holds bytes that are no UTF-8 text: convert it, or encode them as base64");
  const auto fault = fault_of_json_object(payload, JsonRules::leave_to_server);
  if (!fault.empty())
    throw DataError(
        fmt::format("payload: {}: pass one JSON object, for example {{}}", escape_control(fault)));
}

}  // namespace schedctl::cli
