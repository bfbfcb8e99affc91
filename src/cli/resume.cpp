// schedctl resume -- end the pause.
#include <fmt/format.h>

#include "cli/commands.h"
#include "db/conflict.h"
#include "db/transaction.h"
#include "queue/pause.h"

namespace schedctl::cli {
namespace {

ExitCode resume(Program& program) {
  db::Connection connection(program.config().database);
  const bool was_paused = db::despite_conflicts([&] {
    db::Transaction tx(connection);
    const bool ended = queue::resume(tx);
    tx.commit();
    return ended;
  });

  program.print(
      program.json
          ? fmt::format("{{\"schema_version\":1,\"paused\":false,\"was_paused\":{}}}\n", was_paused)
      : was_paused ? "resumed\n"
                   : "nothing was paused\n");
  return ExitCode::ok;
}

}  // namespace

void add_resume(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("resume", "End the pause: runs claim again");
  command->callback([&program] { program.action = [&program] { return resume(program); }; });
}

}  // namespace schedctl::cli
