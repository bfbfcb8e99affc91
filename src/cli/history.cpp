// schedctl history -- past executions, newest first.
#include "observe/history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/executions.h"
#include "cli/filters.h"
#include "cli/output.h"
#include "db/transaction.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::string limit = "20";
  std::optional<std::string> job, job_type, status, since;
};

const std::vector<std::string> statuses{"completed",   "failed", "timeout", "cancelled",
                                        "interrupted", "lost",   "skipped", "snoozed"};

void read_since(const std::string& text, observe::HistoryFilter& filter) {
  try {
    if (text.find('-') == std::string::npos)
      filter.within = parse_duration(text);
    else
      filter.since = parse_time(text);
  } catch (const DataError& e) {
    throw UsageError(fmt::format("--since {}", e.what()));
  }
}

observe::HistoryFilter read(const Options& options) {
  observe::HistoryFilter filter;
  filter.limit = parse_limit(options.limit);
  if (options.job) filter.job = parse_id("--job", *options.job);
  if (options.status) check_one_of("--status", *options.status, statuses);
  if (options.since) read_since(*options.since, filter);
  filter.job_type = options.job_type;
  filter.status = options.status;
  return filter;
}

ExitCode history(const Options& options, Program& program) {
  const auto filter = read(options);
  const auto executions = [&] {
    db::Connection connection(program.config().database);
    db::Transaction tx(connection, db::autocommit);
    return observe::history(tx, filter);
  }();

  if (program.json)
    program.print(
        fmt::format("{{\"schema_version\":1,\"executions\":{}}}\n", executions_json(executions)));
  else if (executions.empty())
    program.print("no executions\n");
  else
    program.print(executions_table(executions));
  return ExitCode::ok;
}

}  // namespace

void add_history(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("history", "Past executions, newest first");
  command->add_option("--limit", options->limit, "At most this many (20)")->type_name("N");
  command->add_option("--job", options->job, "Attempts at this job")->type_name("ID");
  command->add_option("--type", options->job_type, "Of this job type")->type_name("TYPE");
  command->add_option("--status", options->status, fmt::format("{}", fmt::join(statuses, ", ")));
  command->add_option("--since", options->since, "Finished since: 2h, or 2026-11-22T06:12:00Z");
  command->callback([options, &program] {
    program.action = [options, &program] { return history(*options, program); };
  });
}

}  // namespace schedctl::cli
