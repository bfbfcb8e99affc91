#include "queue/prune.h"

#include "sql/queue.h"

namespace schedctl::queue {

bool outlived(db::Transaction& tx, const config::Retention& retention) {
  return tx
      .exec(sql::queue::outlived, retention.completed.count(), retention.failed.count(),
            retention.logs.count())[0][0]
      .as<bool>();
}

int prune_completed(db::Transaction& tx, Time before, int limit) {
  return static_cast<int>(tx.exec(sql::queue::prune_completed, before, limit).affected_rows());
}

int prune_failed(db::Transaction& tx, Time before, int limit) {
  return static_cast<int>(tx.exec(sql::queue::prune_failed, before, limit).affected_rows());
}

int prune_logs(db::Transaction& tx, Time before, int limit) {
  return static_cast<int>(tx.exec(sql::queue::prune_logs, before, limit).affected_rows());
}

}  // namespace schedctl::queue
