#include "observe/logs.h"

#include "sql/observe.h"

namespace schedctl::observe {

std::vector<LogLine> logs(db::Transaction& tx, const LogFilter& filter) {
  const auto levels = filter.levels.empty() ? db::Param(nullptr) : db::Param(filter.levels);
  const auto rows = tx.exec(sql::observe::logs, filter.job, filter.execution, levels, filter.stream,
                            filter.limit);
  std::vector<LogLine> lines;
  lines.reserve(rows.size());
  for (const auto& row : rows)
    lines.push_back({row["job_execution_id"].as<job::ExecutionId>(), row["level"].c_str(),
                     row["stream"].c_str(), row["message"].c_str(), row["data"].c_str(),
                     db::optional_time_of(row["timestamp"]), row["json"].c_str()});
  return lines;
}

}  // namespace schedctl::observe
