// Cancel: end a job that waits or runs, whichever host runs it.
#pragma once

#include <optional>
#include <string>

#include "db/transaction.h"
#include "job/job.h"

namespace schedctl::queue {

enum class Cancelled {
  now,        // it was pending
  requested,  // it runs: its worker hears of it within a second and ends it
};

// Recorded in audit_log. Throws Refusal when the job is over or unknown, or the reason too long.
Cancelled cancel(db::Transaction& tx, job::JobId id, const std::optional<std::string>& reason);

}  // namespace schedctl::queue
