#include "queue/rescue.h"

#include "sql/queue.h"

namespace schedctl::queue {

std::vector<WorkerSign> other_workers(db::Transaction& tx, job::WorkerId self) {
  std::vector<WorkerSign> signs;
  for (const auto& row : tx.exec(sql::queue::workers, self)) {
    const auto is = [&](const char* column) { return *row[column].c_str() == 't'; };
    signs.push_back({.id = row["id"].as<job::WorkerId>(),
                     .host = row["host"].c_str(),
                     .pid = row["pid"].as<int>(),
                     .boot_id = row["boot_id"].c_str(),
                     .lock_file = row["lock_file"].c_str(),
                     .direct = is("direct"),
                     .lease_until = db::time_of(row["lease_until"]),
                     .lease_over = is("lease_over"),
                     .same_server = is("same_server"),
                     .has_lock = is("has_lock")});
  }
  return signs;
}

bool declare_dead(db::Transaction& tx, job::WorkerId worker, Time lease_until) {
  return !tx.exec(sql::queue::declare_dead, worker, lease_until).empty();
}

std::vector<Rescued> rescue(db::Transaction& tx, job::WorkerId dead_worker, int max_interruptions,
                            int limit, const std::string& why) {
  std::vector<Rescued> rescued;
  for (const auto& row : tx.exec(sql::queue::rescue, dead_worker, max_interruptions, limit, why))
    rescued.push_back({row["id"].as<job::ExecutionId>(), row["job_queue_id"].as<job::JobId>(),
                       *row["dead"].c_str() == 't'});
  return rescued;
}

Held held(db::Transaction& tx, job::WorkerId worker, int max_interruptions) {
  const auto row = tx.exec(sql::queue::held, worker, max_interruptions)[0];
  return {row[0].as<long>(), row[1].as<long>()};
}

}  // namespace schedctl::queue
