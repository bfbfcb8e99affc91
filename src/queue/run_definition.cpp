#include "queue/run_definition.h"

#include "sql/queue.h"

namespace schedctl::queue {

job::JobId run_definition(db::Transaction& tx, const std::string& name,
                          const std::optional<std::string>& payload) {
  return tx.exec(sql::queue::run_definition, name, payload)[0][0].as<job::JobId>();
}

}  // namespace schedctl::queue
