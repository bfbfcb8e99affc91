#include "queue/cancel.h"

#include "queue/refusal.h"
#include "sql/queue.h"

namespace schedctl::queue {

Cancelled cancel(db::Transaction& tx, job::JobId id, const std::optional<std::string>& reason) {
  try {
    const auto status = answer_of(tx.exec(sql::queue::cancel, id, reason)[0], id,
                                  "only pending and running jobs can be cancelled");
    return status == "running" ? Cancelled::requested : Cancelled::now;
  } catch (const DatabaseError& e) {
    throw_refusal(e);
    throw;
  }
}

}  // namespace schedctl::queue
