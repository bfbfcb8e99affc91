#include "observe/job.h"

#include "observe/row.h"
#include "sql/observe.h"

namespace schedctl::observe {
namespace {

Job job_of(const db::Row& row) {
  Job job;
  job.id = row["id"].as<job::JobId>();
  job.job_type = row["job_type"].c_str();
  job.status = row["status"].c_str();
  job.payload = row["payload"].c_str();
  job.priority = number_of<int>(row["priority"]);
  job.attempts = row["attempts"].as<int>();
  job.max_attempts = number_of<int>(row["max_attempts"]);
  job.created_at = db::optional_time_of(row["created_at"]);
  job.scheduled_for = db::optional_time_of(row["scheduled_for"]);
  job.slot = db::optional_time_of(row["slot"]);
  job.group_key = row["group_key"].c_str();
  job.unique_key = row["unique_key"].c_str();
  job.error_message = row["error_message"].c_str();
  job.json = row["json"].c_str();
  return job;
}

}  // namespace

std::optional<Job> job(db::Transaction& tx, job::JobId id) {
  const auto rows = tx.exec(sql::observe::job, id);
  if (rows.empty()) return std::nullopt;
  Job job = job_of(rows[0]);
  for (const auto& row : tx.exec(sql::observe::job_attempts, id))
    job.executions.push_back(execution_of(row));
  return job;
}

}  // namespace schedctl::observe
