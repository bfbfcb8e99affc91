#include "queue/stuck.h"

#include "sql/queue.h"

namespace schedctl::queue {

std::vector<Stuck> stuck(db::Transaction& tx, Duration older_than) {
  std::vector<Stuck> found;
  for (const auto& row : tx.exec(sql::queue::stuck, older_than.count()))
    found.push_back({row[0].as<job::JobId>(), row[1].c_str(), row[2].as<job::ExecutionId>(),
                     row[3].as<job::WorkerId>(), row[4].as<long>()});
  return found;
}

}  // namespace schedctl::queue
