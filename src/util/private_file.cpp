#include "util/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "util/text.h"

namespace schedctl {
namespace {

[[noreturn]] void refuse(ExitCode code, const std::string& path, const std::string& why) {
  throw Error(code, fmt::format("{}: {}", escape_control(path), why));
}

bool is_ours(const struct stat& info) { return info.st_uid == geteuid() || info.st_uid == 0; }

void check_folder(const std::string& folder) {
  struct stat info {};
  if (lstat(folder.c_str(), &info) == 0 && S_ISLNK(info.st_mode) && !is_ours(info))
    refuse(ExitCode::permission, folder,
           fmt::format("is a symbolic link of user id {}: remove it", info.st_uid));
  if (stat(folder.c_str(), &info) != 0)
    refuse(ExitCode::cannot_create, folder, std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) refuse(ExitCode::cannot_create, folder, "not a folder");
  if (!is_ours(info))
    refuse(ExitCode::permission, folder,
           fmt::format("belongs to user id {}: use a folder of your own", info.st_uid));
  if ((info.st_mode & S_IWOTH) && !(info.st_mode & S_ISVTX))
    refuse(ExitCode::permission, folder, "is writable by everybody: chmod o-w it");
}

void check_file(const Fd& fd, const std::string& path) {
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) refuse(ExitCode::permission, path, std::strerror(errno));
  if (S_ISDIR(info.st_mode))
    refuse(ExitCode::cannot_create, path, "is a folder: remove it or choose another file");
  if (!S_ISREG(info.st_mode)) refuse(ExitCode::permission, path, "is no regular file: remove it");
  if (info.st_nlink > 1) refuse(ExitCode::permission, path, "has more than one link: remove it");
  if (!is_ours(info))
    refuse(ExitCode::permission, path,
           fmt::format("belongs to user id {}: remove it or choose another file", info.st_uid));
  if (info.st_mode & (S_IWGRP | S_IWOTH))
    refuse(ExitCode::permission, path,
           fmt::format("mode {:04o} lets others write: chmod go-w it", info.st_mode & 07777));
}

}  // namespace

void Fd::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

void make_private_folder(const std::string& folder) {
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) {
    if (const auto slash = folder.find_last_of('/'); slash != std::string::npos && slash > 0)
      if (const auto parent = folder.substr(0, slash); stat(parent.c_str(), &info) != 0)
        make_private_folder(parent);
    const mode_t mode = folder.starts_with("/run/") ? 0755 : 0700;
    if (mkdir(folder.c_str(), mode) != 0 && errno != EEXIST)
      refuse(ExitCode::cannot_create, folder,
             fmt::format("cannot be created: {}", std::strerror(errno)));
  }
  check_folder(folder);
}

bool has_private_folder(const std::string& folder) {
  struct stat info {};
  if (lstat(folder.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR)) return false;
  check_folder(folder);
  return true;
}

Fd open_private_file(const std::string& path, Create create, bool append) {
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
                    (append ? O_APPEND : 0) | (create == Create::yes ? O_CREAT : 0);
  Fd fd(open(path.c_str(), flags, 0600));
  if (!fd) {
    if (errno == ENOENT && create == Create::no) return fd;
    if (errno == ELOOP) refuse(ExitCode::permission, path, "is a symbolic link: remove it");
    if (errno == EISDIR)
      refuse(ExitCode::cannot_create, path, "is a folder: remove it or choose another file");
    const auto code = errno == EACCES || errno == EPERM    ? ExitCode::permission
                      : errno == EMFILE || errno == ENFILE ? ExitCode::temporary
                                                           : ExitCode::cannot_create;
    refuse(code, path, fmt::format("cannot be opened: {}", std::strerror(errno)));
  }
  check_file(fd, path);
  return fd;
}

namespace {

[[noreturn]] void refuse_write(const std::string& path) {
  refuse(ExitCode::cannot_create, path, fmt::format("cannot be written: {}", std::strerror(errno)));
}

void write_all(const Fd& fd, const std::string& path, std::string_view content) {
  if (ftruncate(fd.get(), 0) != 0) refuse_write(path);  // a crash may have left a longer one
  while (!content.empty()) {
    const auto written = write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) refuse_write(path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fsync(fd.get()) != 0) refuse_write(path);
}

// The name is as durable as the content only when the folder is flushed too.
void flush_folder(const std::string& path) {
  const auto folder = path.substr(0, path.find_last_of('/') + 1);
  const Fd fd(open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) != 0) refuse_write(path);
}

void write_file(const std::string& path, std::string_view content, mode_t mode) {
  const auto draft = path + ".tmp";
  try {
    const auto fd = open_private_file(draft, Create::yes);
    write_all(fd, draft, content);
    if (fchmod(fd.get(), mode) != 0 || rename(draft.c_str(), path.c_str()) != 0) refuse_write(path);
  } catch (...) {
    unlink(draft.c_str());
    throw;
  }
  flush_folder(path);
}

}  // namespace

void write_private_file(const std::string& path, std::string_view content) {
  write_file(path, content, 0600);
}

void write_public_file(const std::string& path, std::string_view content) {
  write_file(path, content, 0644);
}

bool try_lock(const Fd& fd) { return flock(fd.get(), LOCK_EX | LOCK_NB) == 0; }

}  // namespace schedctl
