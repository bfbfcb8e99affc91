// Retry: send a dead job back to the queue.
#pragma once

#include "db/transaction.h"
#include "job/job.h"

namespace schedctl::queue {

// Due now; its attempts go on, and it gets as many as it had at first. Recorded in audit_log.
// Throws Refusal when the job is not dead, is unknown, or another job holds its unique key.
void retry(db::Transaction& tx, job::JobId id);

}  // namespace schedctl::queue
