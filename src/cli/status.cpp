// schedctl status -- how things are.
#include "observe/status.h"

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/status_page.h"
#include "db/transaction.h"

namespace schedctl::cli {
namespace {

ExitCode status(Program& program) {
  const auto snapshot = [&] {
    db::Connection connection(program.config().database);
    db::Transaction tx(connection, db::autocommit);
    return observe::status(tx);
  }();

  program.print(program.json ? snapshot.json + '\n'
                             : status_page(snapshot, terminal_width(), use_colors()));
  return ExitCode::ok;
}

}  // namespace

void add_status(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("status", "How things are: the queue, what runs, what failed");
  command->callback([&program] { program.action = [&program] { return status(program); }; });
}

}  // namespace schedctl::cli
