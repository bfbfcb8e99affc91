#include "observe/outcome.h"

#include "sql/observe.h"

namespace schedctl::observe {

std::optional<JobState> state_of(db::Transaction& tx, job::JobId id) {
  const auto rows = tx.exec(sql::observe::outcome, id);
  if (rows.empty()) return std::nullopt;
  return JobState{rows[0]["status"].c_str(), rows[0]["error_message"].c_str(),
                  *rows[0]["is_over"].c_str() == 't'};
}

}  // namespace schedctl::observe
