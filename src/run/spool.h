// Spool: outcomes and log lines that the database did not take in time, kept in files until a later
// run of this host has stored them. DESIGN section 6, promise 11.
#pragma once

#include <string>

#include "config/config.h"
#include "db/connection.h"
#include "run/unstored.h"

namespace schedctl::run {

class Spool {
 public:
  // One for each lock file, so that the runs that share a lock share a spool: beside it, or below
  // /var/spool when a restart of the host empties the lock's folder.
  static std::string folder_for(const std::string& lock_file);

  // Nothing is created before there is something to keep.
  Spool(const config::Config& config, std::string installation);

  // Written whole, flushed and then named, or not at all. Throws Error when it cannot be kept.
  void keep(const Unstored& unstored, const std::string& worker) const;

  // Stores what is there, outcomes under the fence, and removes it. An outcome whose claim has been
  // lost is kept as `late_outcome` in the metadata of the execution that was declared lost. To be
  // called by one run at a time, before the jobs of the dead are taken back. A file that cannot be
  // read is set aside. Throws DatabaseError when the database fails: then the rest stays; Error 77
  // when the folder is not to be trusted.
  void replay(db::Connection& connection, const config::Config& config) const;

 private:
  std::string folder_;
  std::string installation_;
};

}  // namespace schedctl::run
