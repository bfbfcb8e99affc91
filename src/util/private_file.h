// Files that only we may write: locks, logs, spool. Opened so that nobody can lead us elsewhere.
// Source: open(2), CWE-59, CWE-367.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "util/error.h"

namespace schedctl {

// A descriptor with an owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// Creates the folder and its parents where missing (0700, below /run 0755). Throws Error: 73 when
// that fails, 77 when it belongs to a stranger, is a stranger's symlink, or others may write into
// it.
void make_private_folder(const std::string& folder);
// False: there is none. Throws Error as above when it is not to be trusted.
bool has_private_folder(const std::string& folder);

enum class Create { no, yes };

// Opens for reading and writing (with O_APPEND when `append`), close-on-exec, never through a
// symlink, never waiting; checked on the descriptor: a regular file with one link, ours or root's,
// not writable by others. Mode 0600 when created. With Create::no an absent file gives an empty Fd.
// Throws Error: 73 for folders and what cannot be created, 77 for the rest; the message names the
// file.
Fd open_private_file(const std::string& path, Create create, bool append = false);

// A new file with this content, for nobody but us: flushed to the disk under another name, then
// given its own, so that it is there whole or not at all. Throws Error 73.
void write_private_file(const std::string& path, std::string_view content);
// The same for everybody to read: mode 0644, whatever the umask.
void write_public_file(const std::string& path, std::string_view content);

// flock(2), exclusive, without waiting. False: another open file holds it.
bool try_lock(const Fd& fd);

}  // namespace schedctl
