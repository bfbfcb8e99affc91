// Stuck: jobs that have been running for long on workers that live. They are shown, never taken.
#pragma once

#include <string>
#include <vector>

#include "db/transaction.h"
#include "job/job.h"

namespace schedctl::queue {

struct Stuck {
  job::JobId id = 0;
  std::string job_type;
  job::ExecutionId execution = 0;
  job::WorkerId worker = 0;
  long age_s = 0;
};

std::vector<Stuck> stuck(db::Transaction& tx, Duration older_than);

}  // namespace schedctl::queue
