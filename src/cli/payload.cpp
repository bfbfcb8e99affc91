#include "cli/payload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr std::size_t small_bytes = 1024 * 1024;
// PostgreSQL's own parser ends at some thousands, handlers in other languages earlier.
constexpr int deepest = 500;

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

// Follows the parser without building anything, and keeps the first thing that is wrong.
class Check : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::string fault;

  bool null() override { return scalar(); }
  bool boolean(bool) override { return scalar(); }
  bool number_integer(number_integer_t) override { return scalar(); }
  bool number_unsigned(number_unsigned_t) override { return scalar(); }
  bool number_float(number_float_t, const string_t&) override { return scalar(); }
  bool string(string_t&) override { return scalar(); }
  bool binary(binary_t&) override { return scalar(); }
  bool start_object(std::size_t) override { return enter(); }
  bool key(string_t&) override { return true; }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return depth_ > 0 ? enter() : no_object(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // A number beyond double: the server's numbers reach further, so it decides.
    if (dynamic_cast<const nlohmann::detail::out_of_range*>(&error)) return false;
    std::string what =
        error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 5: ..."
    if (const auto at = what.find("line "); at != std::string::npos) what.erase(0, at);
    // Texts of any length appear behind this.
    if (const auto read = what.find("; last read: "); read != std::string::npos) {
      const auto behind = what.find("'; expected ", read);
      what = what.substr(0, read) + (behind == std::string::npos ? "" : what.substr(behind + 1));
    }
    fault = what.substr(0, 200);
    return false;
  }

 private:
  bool enter() {
    if (++depth_ <= deepest) return true;
    fault = fmt::format("nested more than {} levels deep", deepest);
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }
  bool scalar() { return depth_ > 0 || no_object(); }
  bool no_object() {
    fault = "is no object";
    return false;
  }

  int depth_ = 0;
};

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
  Check check;
  nlohmann::json::sax_parse(payload, &check);
  if (!check.fault.empty())
    throw DataError(fmt::format("payload: {}: pass one JSON object, for example {{}}",
                                escape_control(check.fault)));
}

}  // namespace schedctl::cli
