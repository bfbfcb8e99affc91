#include "queue/retry.h"

#include "queue/refusal.h"
#include "sql/queue.h"

namespace schedctl::queue {

void retry(db::Transaction& tx, job::JobId id) {
  try {
    answer_of(tx.exec(sql::queue::retry, id)[0], id,
              "only failed, timeout and cancelled jobs can be retried");
  } catch (const DatabaseError& e) {
    throw_refusal(e);
    throw;
  }
}

}  // namespace schedctl::queue
