#include "observe/history.h"

#include "observe/row.h"
#include "sql/observe.h"

namespace schedctl::observe {
namespace {

std::optional<std::int64_t> milliseconds_of(const std::optional<Duration>& duration) {
  if (!duration) return std::nullopt;
  return duration->count();
}

}  // namespace

Execution execution_of(const db::Row& row) {
  Execution execution;
  execution.id = row["id"].as<job::ExecutionId>();
  execution.job = number_of<job::JobId>(row["job_queue_id"]);
  execution.job_type = row["job_type"].c_str();
  execution.status = row["status"].c_str();
  execution.started_at = db::optional_time_of(row["started_at"]);
  execution.finished_at = db::optional_time_of(row["finished_at"]);
  if (const auto ms = number_of<std::int64_t>(row["duration_ms"]))
    execution.duration = Duration(*ms);
  execution.attempt = row["attempt"].as<int>();
  execution.worker = row["worker"].c_str();
  execution.exit_code = number_of<int>(row["exit_code"]);
  execution.signal = number_of<int>(row["signal"]);
  execution.error_message = row["error_message"].c_str();
  execution.json = row["json"].c_str();
  return execution;
}

std::vector<Execution> history(db::Transaction& tx, const HistoryFilter& filter) {
  const auto rows = tx.exec(sql::observe::history, filter.job, filter.job_type, filter.status,
                            filter.since, milliseconds_of(filter.within), filter.limit);
  std::vector<Execution> executions;
  executions.reserve(rows.size());
  for (const auto& row : rows) executions.push_back(execution_of(row));
  return executions;
}

}  // namespace schedctl::observe
