#include "util/trust.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace schedctl {

Distrust distrust_of(const char* path, const char* folder, Owners owners) {
  struct stat status {};
  if (::stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return Distrust::none;
  if (status.st_uid != 0 && status.st_uid != owners.one && status.st_uid != owners.other)
    return Distrust::foreign_owner;
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return Distrust::writable;
  // Not S_IWGRP: /usr/local/bin may belong to a group of its own.
  if (::stat(folder, &status) == 0 && (status.st_mode & S_IWOTH) != 0 &&
      (status.st_mode & S_ISVTX) == 0)
    return Distrust::replaceable;
  return Distrust::none;
}

std::string folder_holding(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string fault_of_program(const std::string& path, Owners owners) {
  const auto folder = folder_holding(path);
  struct stat status {};
  const auto mode = [&] { return fmt::format("{:04o}", status.st_mode & 07777); };
  switch (distrust_of(path.c_str(), folder.c_str(), owners)) {
    case Distrust::none:
      return "";
    case Distrust::foreign_owner:
      ::stat(path.c_str(), &status);
      return fmt::format(
          "belongs to user id {}, mode {}, so that user decides what runs here: chown it to root, "
          "or run the handler as its user",
          status.st_uid, mode());
    case Distrust::writable:
      ::stat(path.c_str(), &status);
      return fmt::format("mode {} lets others write it: run chmod go-w {}", mode(), path);
    case Distrust::replaceable:
      ::stat(folder.c_str(), &status);
      return fmt::format("its folder has mode {}, which lets others replace it: run chmod o-w {}",
                         mode(), folder);
  }
  return "";
}

}  // namespace schedctl
