// Server memory: which server this host has last written to, so that an old primary that comes back
// after a failover is not taken for the database.
#pragma once

#include <optional>
#include <string>

#include "config/config.h"
#include "db/connection.h"

namespace schedctl::run {

class ServerMemory {
 public:
  // One for each lock file, where the spool is.
  explicit ServerMemory(const std::string& lock_file);

  const std::string& file() const { return file_; }
  // Throws Error when the file is not fit to be believed.
  std::optional<config::ServerIdentity> recall() const;
  // Says so, in one line, when it is another server than the one before. What cannot be remembered
  // keeps nobody from work.
  void remember(const db::Connection& connection) const;

 private:
  std::string file_;
};

}  // namespace schedctl::run
