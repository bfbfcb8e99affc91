// Small disk: a file system of a few MiB in which a server may keep a tablespace; root only.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/mount.h>

#include <filesystem>
#include <string>

#include "support/server.h"

namespace schedctl::test {

class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path, int kib = 4096) : path_(path) {
    std::filesystem::create_directory(path);
    const auto options = fmt::format("size={}k,mode=0700,uid={}", kib, postgres_user());
    REQUIRE(mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) == 0);
  }
  ~SmallDisk() { umount2(path_.c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  void grow(int kib) const {
    const auto options = fmt::format("size={}k", kib);
    REQUIRE(mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV,
                  options.c_str()) == 0);
  }

 private:
  const std::string path_;
};

}  // namespace schedctl::test
