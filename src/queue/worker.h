// Worker: one run that claims jobs. Its lease and its session lock say that it lives; DESIGN
// section 7.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/job.h"
#include "util/clock.h"

namespace schedctl::queue {

struct Registration {
  std::string host;
  int pid = 0;
  Duration lease{};
  std::string boot_id;
  std::string lock_file;
  std::string version;
  std::optional<std::string> local_address;  // of the connection's own end; none: a unix socket
  bool pooled = false;  // it has no session: nothing but its lease speaks for it
};

// Makes the worker known and takes its lock on this session, if it has one, in one statement.
// Throws DatabaseError.
job::WorkerId register_worker(db::Transaction& tx, const Registration& registration);

enum class Relock {
  done,
  still_held,     // by the session that was lost: the server has not noticed yet
  declared_dead,  // all claims are lost
};
// The same lock on a new session, with the lease renewed; when it is pooled, the lease alone.
Relock relock_worker(db::Transaction& tx, job::WorkerId worker, const Registration& registration);

// False: the worker was declared dead; all its claims are lost.
bool renew(db::Transaction& tx, job::WorkerId worker, Duration lease);

// Of this worker's executions, those that somebody wants stopped.
std::vector<job::ExecutionId> cancelled(db::Transaction& tx, job::WorkerId worker);

// True: gone. False: it still holds jobs, or is about to, and stays, so that they are rescued. In a
// transaction that the caller commits.
bool deregister_worker(db::Transaction& tx, job::WorkerId worker);

}  // namespace schedctl::queue
