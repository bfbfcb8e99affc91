// schedctl pause [NAME] -- stop all planning and claiming, on all hosts, or the planning of one
// definition.
#include "queue/pause.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/instant.h"
#include "cli/output.h"
#include "cli/pause_text.h"
#include "db/conflict.h"
#include "db/transaction.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::optional<std::string> definition;
  std::optional<std::string> until;
  std::optional<std::string> reason;
};

queue::PauseRequest request_of(const Options& options) {
  queue::PauseRequest request;
  require_text("--reason", options.reason.value_or(""));
  request.reason = options.reason;
  if (!options.until) return request;
  if (is_duration(*options.until))
    request.length = read_duration("--until", *options.until);
  else
    request.until = read_instant("--until", *options.until);
  return request;
}

ExitCode pause(const Options& options, Program& program) {
  const auto request = request_of(options);
  const auto& name = options.definition;
  if (name) require_text("NAME", *name);
  db::Connection connection(program.config().database);
  const auto pause = db::despite_conflicts([&] {
    db::Transaction tx(connection);
    const auto made =
        name ? queue::pause_definition(tx, *name, request) : queue::pause(tx, request);
    tx.commit();
    return made;
  });

  if (program.json)
    program.print(fmt::format("{{\"schema_version\":1,{}{}}}\n",
                              name ? "\"definition\":" + json_string(*name) + "," : "",
                              pause_members(pause)));
  else
    program.print(fmt::format("{}paused {}; what runs goes on; to end it: schedctl resume{}\n",
                              name ? one_line(*name) + ": " : "", pause_when(pause),
                              name ? " " + one_line(*name) : ""));
  return ExitCode::ok;
}

}  // namespace

void add_pause(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "pause",
      "Stop all planning and claiming, on all hosts, or one definition; what runs goes on");
  command->add_option("name", options->definition, "Only this definition")->type_name("NAME");
  command->add_option("--until", options->until, "Resume by itself then, or after this long")
      ->type_name("TIME|DURATION");
  command->add_option("--reason", options->reason, "Shown by \"status\", kept in the audit log")
      ->type_name("TEXT");
  command->callback([options, &program] {
    program.action = [options, &program] { return pause(*options, program); };
  });
}

}  // namespace schedctl::cli
