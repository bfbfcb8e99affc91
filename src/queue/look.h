// Look: the first statement of a tick. Says that the host lives and answers what must be known
// before anything is done.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "queue/pause.h"

namespace schedctl::queue {

struct Look {
  Time now;  // of the database
  int schema_version = 0;
  std::string installation;    // id of this installation, part of the idempotency keys
  bool has_workers = false;    // somebody is at work, or died at it
  bool first_of_hour = false;  // the first tick of this host in this hour of the clock, or ever
  std::optional<Pause> pause;  // nothing may be claimed
  // What the host handed over last, see schedule::Declarations::hash, and the boot it ran under.
  std::string definitions_hash;
  std::optional<std::string> boot_id;
};

// Writes one row, this host's last tick, unless the schema is of another version. Throws
// DatabaseError; 78 when the tables are missing.
Look look(db::Transaction& tx, const std::string& host, const std::string& version,
          const std::vector<std::string>& job_types);

}  // namespace schedctl::queue
