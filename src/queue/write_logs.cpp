#include "queue/write_logs.h"

#include "sql/queue.h"

namespace schedctl::queue {
namespace {

void write(db::Transaction& tx, const db::Statement& statement, const std::vector<LogLine>& lines) {
  std::vector<job::ExecutionId> executions;
  std::vector<Time> times;
  std::vector<std::string> streams, messages;
  for (const auto& line : lines) {
    executions.push_back(line.execution);
    times.push_back(line.at);
    streams.emplace_back(line.stream);
    messages.push_back(line.message);
  }
  tx.exec(statement, executions, times, streams, messages);
}

}  // namespace

void write_logs(db::Transaction& tx, const std::vector<LogLine>& lines) {
  write(tx, sql::queue::write_logs, lines);
}

void write_logs_once(db::Transaction& tx, const std::vector<LogLine>& lines) {
  write(tx, sql::queue::write_logs_once, lines);
}

}  // namespace schedctl::queue
