// Settle: store how claimed jobs ended, under the fence. Many in one statement; each only if its
// claim still holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/backoff.h"
#include "job/job.h"
#include "job/outcome.h"
#include "util/clock.h"

namespace schedctl::queue {

inline constexpr int max_snoozes = 100;  // a job that snoozes more often is dead

// How the job's handler wants failures treated; read when the job runs. What the job's definition
// says about delays goes before it, see settle().
struct RetryPolicy {
  int max_retries = 3;
  job::Backoff backoff;
  int max_interruptions = 3;
};

struct Settled {
  job::Claim claim;
  job::Outcome outcome;
  std::optional<Time> started_at;  // none: it never started
  Time finished_at;
  RetryPolicy retry;
};

// What becomes of the job: a pure function of claim, outcome and policy.
struct Verdict {
  std::string execution_status{};
  std::optional<std::string> job_status{};  // none: the job leaves the queue
  std::optional<Time> next_at{};
  int uncounted = 0;    // attempts taken back
  int interrupted = 0;  // interruptions added
  int snoozed = 0;
};
Verdict judge(const Settled& settled);

// Stores outcomes (never `given_back`) with their execution rows. Returns the executions that were
// still ours; a missing one lost its fence and changed nothing. Throws DatabaseError.
std::vector<job::ExecutionId> settle(db::Transaction& tx, const std::vector<Settled>& batch,
                                     const std::string& worker);

// The lean form for plain successes: completed without exit code, message or result.
std::vector<job::ExecutionId> complete(db::Transaction& tx, const std::vector<Settled>& batch,
                                       const std::string& worker);
bool is_plain_success(const Settled& settled);

// Plain successes of held jobs, in the transaction that holds them. Throws DatabaseError; Error
// when an outcome is anything else or a job is not held.
void finish(db::Transaction& tx, const std::vector<Settled>& batch, const std::string& worker);

// Claims that were never started: pending again, the attempt uncounted, no trace in history.
void give_back(db::Transaction& tx, job::WorkerId worker, const std::vector<job::Claim>& claims);
// The same for whatever a claim statement took whose answer was lost.
void give_back(db::Transaction& tx, job::WorkerId worker, const std::string& token);

// Which of these executions this worker has stored already; asked after the answer to settle() or
// complete() got lost.
std::vector<job::ExecutionId> recorded(db::Transaction& tx,
                                       const std::vector<job::ExecutionId>& executions,
                                       const std::string& worker);

}  // namespace schedctl::queue
