#include "config/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "util/error.h"
#include "util/spawn.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw ConfigError(escape_control(path + ": " + why));
}

std::string user_name(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry != nullptr ? fmt::format("{} (uid {})", entry->pw_name, uid)
                          : fmt::format("uid {}", uid);
}

void check_file(const std::string& path, const struct stat& file) {
  if (S_ISDIR(file.st_mode)) fail(path, "is a folder: name the file inside it");
  if (!S_ISREG(file.st_mode)) fail(path, "is not a regular file: name one");
  if (file.st_uid != 0 && file.st_uid != geteuid())
    fail(path, fmt::format("belongs to {}, mode {:04o}, so that user decides what runs here: chown "
                           "it to root or {}, and chmod go-w",
                           user_name(file.st_uid), file.st_mode & 07777, user_name(geteuid())));
  if ((file.st_mode & writable_by_others) != 0)
    fail(path, fmt::format("mode {:04o} lets others write it: run chmod go-w {}",
                           file.st_mode & 07777, path));
  if (file.st_size > static_cast<off_t>(source_limit_bytes))
    fail(path,
         fmt::format("is larger than {}: is it the right file?", format_size(source_limit_bytes)));
}

// Whoever may write the folder can put another file in the place of this one.
void check_folder(const std::string& path) {
  std::error_code error;
  const auto folder = std::filesystem::canonical(path, error).parent_path();
  struct stat status {};
  if (error || stat(folder.c_str(), &status) != 0) return;
  if ((status.st_mode & writable_by_others) == 0 || (status.st_mode & S_ISVTX) != 0) return;
  fail(path, fmt::format("its folder has mode {:04o}, which lets others replace the file: run "
                         "chmod go-w {}",
                         status.st_mode & 07777, folder.string()));
}

// `size` is that of a moment ago.
std::string read_all(const std::string& path, int fd, std::size_t size) {
  std::string text(size + 1, '\0');
  std::size_t filled = 0;
  for (;;) {
    const ssize_t count = read(fd, text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
    if (filled == text.size()) fail(path, "grew while it was read: try again");
  }
  text.resize(filled);
  return text;
}

void check_text(const std::string& path, std::string_view text) {
  if (is_storable(text)) return;
  for (int line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    const auto content = text.substr(0, end);
    if (!is_storable(content)) {
      const bool has_nul = content.find('\0') != std::string_view::npos;
      fail(fmt::format("{}:{}", path, line),
           has_nul ? "holds a NUL byte: save the file as plain UTF-8 text"
                   : "is not valid UTF-8: save the file as UTF-8");
    }
    text.remove_prefix(end);
  }
}

}  // namespace

std::string read_source(const std::string& path) {
  // Without O_NONBLOCK the opening of a FIFO would wait for a writer.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0 && is_shortage(errno))
    throw Error(ExitCode::temporary, escape_control(fmt::format("{}: cannot be opened: {}", path,
                                                                std::strerror(errno))));
  if (file.get() < 0)
    fail(path, fmt::format("cannot be opened: {}: give a readable file with --config or "
                           "SCHEDCTL_CONFIG",
                           std::strerror(errno)));
  struct stat status {};
  if (fstat(file.get(), &status) != 0)
    fail(path, fmt::format("cannot be examined: {}", std::strerror(errno)));
  check_file(path, status);
  check_folder(path);
  auto text = read_all(path, file.get(), static_cast<std::size_t>(status.st_size));
  check_text(path, text);
  return text;
}

}  // namespace schedctl::config
