#include "queue/late.h"

#include "sql/queue.h"

namespace schedctl::queue {

std::size_t keep_late(db::Transaction& tx, const std::vector<Settled>& batch) {
  std::vector<job::ExecutionId> executions;
  std::vector<std::string> statuses;
  std::vector<Time> finished;
  std::vector<std::optional<int>> exit_codes;
  std::vector<std::string> messages;
  std::vector<std::optional<std::string>> results;
  for (const auto& settled : batch) {
    executions.push_back(settled.claim.execution_id);
    statuses.push_back(judge(settled).execution_status);
    finished.push_back(settled.finished_at);
    exit_codes.push_back(settled.outcome.exit_code);
    messages.push_back(settled.outcome.error_message);
    results.push_back(settled.outcome.json);
  }
  return tx.exec(sql::queue::late, executions, statuses, finished, exit_codes, messages, results)
      .affected_rows();
}

}  // namespace schedctl::queue
