#include "queue/enqueue.h"

#include "sql/queue.h"

namespace schedctl::queue {
namespace {

std::optional<std::int64_t> milliseconds(const std::optional<Duration>& duration) {
  if (!duration) return std::nullopt;
  return duration->count();
}

}  // namespace

StoredJob enqueue(db::Transaction& tx, const NewJob& job) {
  const auto row = tx.exec(sql::queue::enqueue, job.job_type, job.payload, job.scheduled_for,
                           milliseconds(job.delay), job.priority, job.max_attempts, job.group_key,
                           job.unique_key, milliseconds(job.timeout), job.expires_at,
                           milliseconds(job.expires_after))[0];
  StoredJob stored{row["id"].as<job::JobId>(), true, row["transaction"].c_str()};
  if (job.unique_key)
    stored.inserted = tx.exec(sql::queue::stored_here, stored.id)[0]["inserted"].as<bool>();
  return stored;
}

std::int64_t payload_limit(db::Transaction& tx) {
  return tx.exec(sql::queue::payload_limit)[0]["bytes"].as<std::int64_t>();
}

}  // namespace schedctl::queue
