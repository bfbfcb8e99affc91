// History: past executions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/job.h"
#include "util/clock.h"

namespace schedctl::observe {

// What people are shown of one attempt; `json` is all of it, as the server wrote it, no number
// rounded.
struct Execution {
  job::ExecutionId id = 0;
  std::optional<job::JobId> job;  // null: a slot that never became a job
  std::string job_type;
  std::string status;
  std::optional<Time> started_at;
  std::optional<Time> finished_at;  // null while it runs
  std::optional<Duration> duration;
  int attempt = 0;
  std::string worker;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string error_message;
  std::string json;
};

struct HistoryFilter {  // empty fields filter nothing
  std::optional<job::JobId> job;
  std::optional<std::string> job_type;
  std::optional<std::string> status;
  std::optional<Time> since;
  std::optional<Duration> within;  // back from the server's now
  std::int64_t limit = 20;
};

// Finished executions, newest first. Throws DatabaseError.
std::vector<Execution> history(db::Transaction& tx, const HistoryFilter& filter);

// Reads a row of history.sql or job_attempts.sql.
Execution execution_of(const db::Row& row);

}  // namespace schedctl::observe
