// Judge: whether what the witnesses wrote down and what the tables say keeps the promises. Reads
// nothing itself. The invariants are those of FAULTS.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "chaos/journal.h"

namespace schedctl::chaos {

using JobId = std::int64_t;
using ExecutionId = std::int64_t;

// A job that is still in the queue.
struct QueueRow {
  JobId job = 0;
  std::string status;
  bool has_reason = false;
};

struct ExecutionRow {
  ExecutionId id = 0;
  JobId job = 0;
  std::string type;
  int attempt = 0;
  std::string status;
  bool has_start = false;
  bool has_end = false;
  bool has_reason = false;
};

// What a `sql` handler has done in the transaction that completes its job.
struct Effect {
  JobId job = 0;
  ExecutionId execution = 0;
};

struct Bounds {
  int max_attempts = 0;
  int max_interruptions = 0;
  std::map<std::string, int> limits;  // of job types
};

// All that is known when the torment is over and what was left has been done.
struct History {
  Bounds bounds;
  std::set<std::string> witnessed;  // job types whose handler is the witness
  std::set<std::string> effective;  // job types that have an effect
  std::vector<Record> journal;
  std::set<JobId> acknowledged;  // whoever enqueued them was told so
  std::vector<QueueRow> queue;
  std::vector<ExecutionRow> executions;
  std::vector<Effect> effects;
  std::map<JobId, int> retries;  // by people
};

struct Violation {
  std::string invariant;  // "I3"
  JobId job = 0;
  std::string what;
};

std::vector<Violation> judge(const History& history);

}  // namespace schedctl::chaos
