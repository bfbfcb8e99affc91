// Job: one job with all that happened to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observe/history.h"

namespace schedctl::observe {

struct Job {
  job::JobId id = 0;
  std::string job_type;
  std::string status;   // "completed" and "skipped" when it has left the queue
  std::string payload;  // as it was enqueued, byte for byte; empty when none was kept
  std::optional<int> priority;
  int attempts = 0;
  std::optional<int> max_attempts;  // null: the handler's
  std::optional<Time> created_at;
  std::optional<Time> scheduled_for;
  std::optional<Time> slot;
  std::string group_key;
  std::string unique_key;
  std::string error_message;
  std::string json;                   // the columns of the view jobs, as the server wrote them
  std::vector<Execution> executions;  // first attempt first, the running one included
};

// Empty when no such job is within retention. Two statements: both see the same only in a
// transaction with one snapshot. Throws DatabaseError.
std::optional<Job> job(db::Transaction& tx, job::JobId id);

}  // namespace schedctl::observe
