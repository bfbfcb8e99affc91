// Logs: what jobs wrote and what schedctl wrote about them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/job.h"
#include "util/clock.h"

namespace schedctl::observe {

struct LogLine {
  job::ExecutionId execution = 0;
  std::string level;   // debug, info, warn, error
  std::string stream;  // stdout, stderr, schedctl
  std::string message;
  std::string data;  // a JSON value as text; empty: none
  std::optional<Time> timestamp;
  std::string json;  // the columns of job_logs, as the server wrote them
};

struct LogFilter {                // empty fields filter nothing
  std::optional<job::JobId> job;  // all its attempts
  std::optional<job::ExecutionId> execution;
  std::vector<std::string> levels;
  std::optional<std::string> stream;
  std::int64_t limit = 50;
};

// The last `limit` lines that fit, oldest first. Throws DatabaseError.
std::vector<LogLine> logs(db::Transaction& tx, const LogFilter& filter);

}  // namespace schedctl::observe
