// Claim: take due jobs for this worker, so that no other worker runs them.
// Source: PostgreSQL manual, SELECT, "The Locking Clause" (SKIP LOCKED); PostgreSQL wiki, "Loose
// indexscan".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/job.h"
#include "util/clock.h"

namespace schedctl::queue {

// How a waiting job may be claimed: beside any other; only beside jobs of other groups and within
// limits; or by itself, because it was interrupted before and may be what kills its workers.
enum class ClaimClass { open = 0, guarded = 1, interrupted = 2 };

// Jobs of one type and class at one priority wait here, the first of them since or until `first`.
struct Level {
  std::string job_type;
  int priority = 0;
  Time first;
  ClaimClass claim_class = ClaimClass::open;
};

struct Waiting {
  std::vector<Level> levels;    // most urgent first; also those whose first job is not due yet
  std::optional<Time> plan_at;  // when a definition falls due, which makes more jobs
};
// What waits; nothing while everything is paused.
Waiting waiting(db::Transaction& tx, const std::vector<std::string>& job_types);

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
// Only jobs of the class open.
std::vector<Claimed> claim(db::Transaction& tx, const ClaimRequest& request);

// The same jobs, but for as long as `tx` lasts and no longer: nobody sees them running, and they
// have no token. For finish(), in the same transaction. Expired jobs are left out.
std::vector<Claimed> hold(db::Transaction& tx, const ClaimRequest& request);

// The same for jobs of groups of which none runs; several of a group come in the order in which
// they must run, one after the other. Without positions. Waits for other callers of this function
// and of claim_guarded(), and makes them wait until `tx` ends.
std::vector<Claimed> hold_guarded(db::Transaction& tx, const ClaimRequest& request);

// How many jobs of a type may run at once, over all hosts; none: any number.
using Limits = std::vector<std::optional<int>>;

// The same for the classes guarded, with the open jobs of types that have a limit, and interrupted;
// one limit for each of the request's types; positions are not used. Of a group at most one job
// runs, of a definition at most its concurrency_limit, of a type at most its limit, counted over
// what runs now. Waits for other callers of this function, and makes them wait until `tx` ends.
std::vector<Claimed> claim_guarded(db::Transaction& tx, const ClaimRequest& request,
                                   ClaimClass claim_class, const Limits& limits);

// Fetches the payload that was left out of a claim. False: the claim was lost. Throws what the lack
// of memory throws, too: std::bad_alloc, or DatabaseError.
bool load_payload(db::Transaction& tx, job::Claim& claim);

// What a claim would take, most urgent first, for people: id, job_type, priority, scheduled_for,
// attempt.
db::Result due(db::Transaction& tx, Time now, const std::vector<std::string>& job_types, int limit);

// A random (version 4) UUID from the kernel's generator.
std::string draw_token();

}  // namespace schedctl::queue
