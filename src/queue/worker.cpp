#include "queue/worker.h"

#include "sql/queue.h"

namespace schedctl::queue {

job::WorkerId register_worker(db::Transaction& tx, const Registration& r) {
  const auto row = tx.exec(sql::queue::register_worker, r.host, r.pid, r.lease.count(), r.boot_id,
                           r.lock_file, r.version, r.local_address, r.pooled)[0];
  return row["id"].as<job::WorkerId>();
}

Relock relock_worker(db::Transaction& tx, job::WorkerId worker, const Registration& r) {
  const auto rows =
      tx.exec(sql::queue::relock_worker, worker, r.lease.count(), r.local_address, r.pooled);
  if (rows.empty()) return Relock::declared_dead;
  return *rows[0]["locked"].c_str() == 't' ? Relock::done : Relock::still_held;
}

bool renew(db::Transaction& tx, job::WorkerId worker, Duration lease) {
  return !tx.exec(sql::queue::renew, worker, lease.count()).empty();
}

std::vector<job::ExecutionId> cancelled(db::Transaction& tx, job::WorkerId worker) {
  std::vector<job::ExecutionId> ids;
  for (const auto& row : tx.exec(sql::queue::cancelled, worker))
    ids.push_back(row[0].as<job::ExecutionId>());
  return ids;
}

bool deregister_worker(db::Transaction& tx, job::WorkerId worker) {
  // The second statement sees what was committed before the first one got the row.
  return !tx.exec(sql::queue::lock_worker, worker).empty() &&
         !tx.exec(sql::queue::deregister_worker, worker).empty();
}

}  // namespace schedctl::queue
