// Outcome: how a job is, for those who wait for its end.
#pragma once

#include <optional>
#include <string>

#include "db/transaction.h"
#include "job/job.h"

namespace schedctl::observe {

struct JobState {
  std::string status;
  std::string error_message;  // of the last attempt; may be empty
  bool is_over = false;       // finished, or dead
  bool is_good() const { return status == "completed" || status == "skipped"; }
};

// Empty when no such job is within retention. Throws DatabaseError.
std::optional<JobState> state_of(db::Transaction& tx, job::JobId id);

}  // namespace schedctl::observe
