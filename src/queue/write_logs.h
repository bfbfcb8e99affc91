// Log lines of executions, many in one statement.
#pragma once

#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/job.h"

namespace schedctl::queue {

struct LogLine {
  job::ExecutionId execution = 0;
  Time at;
  const char* stream = "schedctl";  // "stdout", "stderr", "schedctl"
  std::string message;              // storable text
};

void write_logs(db::Transaction& tx, const std::vector<LogLine>& lines);
// The same, but for those that are there already: for lines whose first storing is in doubt.
void write_logs_once(db::Transaction& tx, const std::vector<LogLine>& lines);

}  // namespace schedctl::queue
