// Rescue: take back the jobs of dead workers. Who is dead is decided by evidence of three kinds;
// DESIGN section 7.
#pragma once

#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/job.h"
#include "util/clock.h"

namespace schedctl::queue {

// What the server knows of a worker's being alive.
struct WorkerSign {
  job::WorkerId id = 0;
  std::string host;
  int pid = 0;
  std::string boot_id;
  std::string lock_file;  // on its own host
  bool direct = false;    // no proxy between it and the server
  Time lease_until;
  bool lease_over = false;   // in database time
  bool same_server = false;  // the one it registered with, which has forgotten no session since
  bool has_lock = false;     // its session lock is held
};
std::vector<WorkerSign> other_workers(db::Transaction& tx, job::WorkerId self);

struct Rescued {
  job::ExecutionId execution = 0;
  job::JobId job = 0;
  bool dead = false;  // it cost too many workers their lives, or somebody had cancelled it
};

// From now on the worker can neither renew its lease nor claim, so its jobs may be taken back.
// False: it has renewed it since `lease_until` was read, so it lives. May be called again.
bool declare_dead(db::Transaction& tx, job::WorkerId worker, Time lease_until);

// Takes back at most `limit` jobs of a worker that was declared dead; each lost attempt becomes a
// row of history. Call until it returns none, then deregister the worker. Throws DatabaseError.
std::vector<Rescued> rescue(db::Transaction& tx, job::WorkerId dead_worker, int max_interruptions,
                            int limit, const std::string& why);

struct Held {
  long jobs = 0;
  long would_die = 0;  // a rescue would make these dead
};
Held held(db::Transaction& tx, job::WorkerId worker, int max_interruptions);

}  // namespace schedctl::queue
