// schedctl resume [NAME] -- end the pause of everything, or that of one definition.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/output.h"
#include "db/conflict.h"
#include "db/transaction.h"
#include "queue/pause.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::optional<std::string> definition;
};

ExitCode resume(const Options& options, Program& program) {
  const auto& name = options.definition;
  if (name) require_text("NAME", *name);
  db::Connection connection(program.config().database);
  const bool was_paused = db::despite_conflicts([&] {
    db::Transaction tx(connection);
    const bool ended = name ? queue::resume_definition(tx, *name) : queue::resume(tx);
    tx.commit();
    return ended;
  });

  if (program.json)
    program.print(fmt::format("{{\"schema_version\":1,{}\"paused\":false,\"was_paused\":{}}}\n",
                              name ? "\"definition\":" + json_string(*name) + "," : "",
                              was_paused));
  else if (name)
    program.print(
        fmt::format("{} {}\n", one_line(*name), was_paused ? "resumed" : "was not paused"));
  else
    program.print(was_paused ? "resumed\n" : "nothing was paused\n");
  return ExitCode::ok;
}

}  // namespace

void add_resume(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "resume", "End the pause: runs plan and claim again; or of one definition");
  command->add_option("name", options->definition, "Only this definition")->type_name("NAME");
  command->callback([options, &program] {
    program.action = [options, &program] { return resume(*options, program); };
  });
}

}  // namespace schedctl::cli
