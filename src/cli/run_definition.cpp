// schedctl run NAME -- one job of a definition now, whatever its schedule and its pause say.
#include "queue/run_definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/output.h"
#include "cli/payload.h"
#include "db/transaction.h"
#include "observe/outcome.h"
#include "queue/enqueue.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

using namespace std::chrono_literals;

struct Options {
  std::string name;
  std::optional<std::string> payload;
  bool wait = false;
};

job::JobId make_job(const Options& options, db::Connection& connection) {
  db::Transaction tx(connection);
  std::optional<std::string> payload;
  if (options.payload) {
    payload = read_payload(*options.payload, [&] { return queue::payload_limit(tx); });
    check_payload(*payload);
  }
  const auto job = queue::run_definition(tx, options.name, payload);
  tx.commit();
  return job;
}

// Whoever ends this command does not end the job.
observe::JobState wait_for(job::JobId job, db::Connection& connection) {
  for (auto pause = 100ms;; pause = std::min<std::chrono::milliseconds>(pause * 2, 1s)) {
    std::this_thread::sleep_for(pause);
    db::Transaction tx(connection, db::autocommit);
    const auto state = observe::state_of(tx, job);
    if (!state)
      throw Error(ExitCode::internal, fmt::format("job {} is gone before it was over", job));
    if (state->is_over) return *state;
  }
}

ExitCode run_definition(const Options& options, Program& program) {
  require_text("NAME", options.name);
  db::Connection connection(program.config().database);
  const auto job = make_job(options, connection);
  if (!options.wait) {
    program.print(program.json ? fmt::format("{{\"schema_version\":1,\"id\":{}}}\n", job)
                               : fmt::format("{}\n", job));
    return ExitCode::ok;
  }
  const auto state = wait_for(job, connection);
  if (program.json)
    program.print(
        fmt::format("{{\"schema_version\":1,\"id\":{},\"status\":{},\"error_message\":{}}}\n", job,
                    json_string(state.status),
                    state.error_message.empty() ? "null" : json_string(state.error_message)));
  else
    program.print(
        fmt::format("job {} {}{}\n", job, state.status,
                    state.error_message.empty() ? "" : ": " + one_line(state.error_message)));
  return state.is_good() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace

void add_run(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("run", "Run a definition now, also while it is paused");
  command->add_option("name", options->name, "A definition, as listed by \"definitions\"")
      ->type_name("NAME")
      ->required();
  command->add_option("--payload", options->payload, "JSON object, @FILE, or - for standard input")
      ->type_name("JSON");
  command->add_flag("--wait", options->wait,
                    "Wait until it is over; exit with 1 unless it is good");
  command->callback([options, &program] {
    program.action = [options, &program] { return run_definition(*options, program); };
  });
}

}  // namespace schedctl::cli
