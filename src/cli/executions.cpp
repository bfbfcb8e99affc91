#include "cli/executions.h"

#include <fmt/format.h>

#include "cli/output.h"

namespace schedctl::cli {
namespace {

std::string how_it_ended(const observe::Execution& execution) {
  if (execution.signal) return fmt::format("signal {}", *execution.signal);
  if (execution.exit_code) return fmt::format("exit {}", *execution.exit_code);
  return "";
}

// The exit is left out where the message says it anyway.
std::string remark(const observe::Execution& execution) {
  const auto end = how_it_ended(execution);
  if (execution.error_message.empty()) return end == "exit 0" ? "" : end;
  if (end.empty() || execution.error_message.find(end) != std::string::npos)
    return execution.error_message;
  return end + ": " + execution.error_message;
}

}  // namespace

std::string executions_table(const std::vector<observe::Execution>& executions) {
  using Kind = Column::Kind;
  Table table({{"JOB", Kind::number},
               {"TYPE"},
               {"TRY", Kind::number},
               {"STATUS", Kind::fixed},
               {"WHEN", Kind::fixed},
               {"TOOK", Kind::number},
               {"REMARK"}});
  for (const auto& execution : executions)
    table.add({execution.job ? std::to_string(*execution.job) : "-",
               execution.job_type,
               std::to_string(execution.attempt),
               {execution.status, color_of_status(execution.status)},
               show(execution.started_at ? execution.started_at : execution.finished_at),
               show(execution.duration),
               remark(execution)});
  return table.text(terminal_width(), use_colors());
}

std::string executions_json(const std::vector<observe::Execution>& executions) {
  std::vector<std::string> values;
  values.reserve(executions.size());
  for (const auto& execution : executions) values.push_back(execution.json);
  return json_array(values);
}

}  // namespace schedctl::cli
