// Claim: take due jobs for this worker, so that no other worker runs them.
// Source: PostgreSQL manual, SELECT, "The Locking Clause" (SKIP LOCKED); PostgreSQL wiki, "Loose
// indexscan".
#pragma once

#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/job.h"
#include "util/clock.h"

namespace schedctl::queue {

// Jobs of one type at one priority wait here, the first of them since or until `first`.
struct Level {
  std::string job_type;
  int priority = 0;
  Time first;
};

struct Levels {
  std::vector<Level> waiting;  // most urgent first; also those whose first job is not due yet
  bool interrupted = false;    // due jobs that were interrupted before are among them
};
Levels levels(db::Transaction& tx, Time now, const std::vector<std::string>& job_types);

// How far the scan of a level has come: behind the last row that was claimed from it. Spares the
// next claim the dead index entries that it would walk through again.
struct Position {
  Time time = Time::min();
  job::JobId id = 0;
};

struct ClaimRequest {
  job::WorkerId worker = 0;
  Time now;                            // the tick's clock, UTC; never read inside
  std::string token;                   // uuid, drawn for this statement
  int priority = 0;                    // of the jobs to take
  std::vector<std::string> job_types;  // only what this host has handlers for
  std::vector<Position> after;         // one for each job type
  int limit = 1;
  std::optional<bool>
      interrupted;           // only jobs that were interrupted before, or only others; none: all
  bool with_payload = true;  // false: Claim::payload stays empty
  std::string installation;  // for the idempotency keys
};

struct Claimed {
  job::Claim claim;
  Time scheduled_for;
};

// Moves up to `limit` due jobs from pending to running and returns them, longest overdue first,
// none when nothing is due. Rows another worker holds are skipped, never waited for. Others see
// nothing before the caller commits `tx`. Throws DatabaseError.
std::vector<Claimed> claim(db::Transaction& tx, const ClaimRequest& request);

// What a claim would take, most urgent first, for people: id, job_type, priority, scheduled_for,
// attempt.
db::Result due(db::Transaction& tx, Time now, const std::vector<std::string>& job_types, int limit);

// A random (version 4) UUID from the kernel's generator.
std::string draw_token();

}  // namespace schedctl::queue
