// Enqueue: hand a job to the queue. What a job may look like is decided in the database, by the
// function of this name, so that every producer in every language meets the same rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "db/transaction.h"
#include "job/job.h"
#include "util/clock.h"

namespace schedctl::queue {

struct NewJob {
  std::string job_type;
  std::string payload = "{}";         // a JSON object, kept byte for byte
  std::optional<Time> scheduled_for;  // null: now, by the database's clock
  std::optional<Duration> delay;      // after scheduled_for
  std::int64_t priority = job::default_priority;
  std::optional<std::int64_t> max_attempts;  // null: the handler's max_retries + 1
  std::optional<std::string> group_key;
  std::optional<std::string> unique_key;
  std::optional<Duration> timeout;        // null: the handler's
  std::optional<Time> expires_at;         // null: never, unless:
  std::optional<Duration> expires_after;  // counted from when it is due
};

struct StoredJob {
  job::JobId id = 0;
  bool inserted = true;     // false: a pending or running job with the same unique key was there
                            // already, and this is it
  std::string transaction;  // for db::fate_of
};

// Others see the job when the caller commits. Throws DatabaseError: 65 with the rule that the job
// breaks.
StoredJob enqueue(db::Transaction& tx, const NewJob& job);

// How many bytes a payload may have in this installation. Throws DatabaseError.
std::int64_t payload_limit(db::Transaction& tx);

}  // namespace schedctl::queue
