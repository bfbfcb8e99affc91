// schedctl logs [JOB] -- log lines, oldest first.
#include "observe/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/log_lines.h"
#include "db/transaction.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::string limit = "50";
  std::optional<std::string> job, execution, level, stream;
};

const std::vector<std::string> levels{"debug", "info", "warn", "error"};
const std::vector<std::string> streams{"stdout", "stderr", "schedctl"};

observe::LogFilter read(const Options& options) {
  observe::LogFilter filter;
  filter.limit = parse_limit(options.limit);
  if (options.job) filter.job = parse_id("--job", *options.job);
  if (options.execution) filter.execution = parse_id("--execution", *options.execution);
  if (options.level) {
    check_one_of("--level", *options.level, levels);
    filter.levels.assign(std::find(levels.begin(), levels.end(), *options.level), levels.end());
  }
  if (options.stream) check_one_of("--stream", *options.stream, streams);
  filter.stream = options.stream;
  return filter;
}

ExitCode logs(const Options& options, Program& program) {
  const auto filter = read(options);
  const auto lines = [&] {
    db::Connection connection(program.config().database);
    db::Transaction tx(connection, db::autocommit);
    return observe::logs(tx, filter);
  }();

  if (program.json)
    program.print(fmt::format("{{\"schema_version\":1,\"logs\":{}}}\n", log_lines_json(lines)));
  else if (lines.empty())
    program.print("no log lines\n");
  else
    program.print(log_lines_text(lines));
  return ExitCode::ok;
}

}  // namespace

void add_logs(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("logs", "Log lines, oldest first");
  command->add_option("job,--job", options->job, "Of all attempts at this job")->type_name("ID");
  command->add_option("--execution", options->execution, "Of this attempt")->type_name("ID");
  command->add_option("--limit", options->limit, "The last N (50)")->type_name("N");
  command->add_option("--level", options->level, "This level and worse: debug, info, warn, error");
  command->add_option("--stream", options->stream, "stdout, stderr or schedctl");
  command->callback([options, &program] {
    program.action = [options, &program] { return logs(*options, program); };
  });
}

}  // namespace schedctl::cli
