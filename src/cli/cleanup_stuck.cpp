// schedctl cleanup-stuck -- rescue the jobs of dead workers now; list live ones that run
// suspiciously long.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/logging.h"
#include "db/transaction.h"
#include "queue/stuck.h"
#include "run/rescue_pass.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::string older_than;
  bool dry_run = false;
};

std::string json_row(const queue::Stuck& stuck) {
  return fmt::format(R"({{"id":{},"job_type":{},"execution_id":{},"locked_by":{},"age_s":{}}})",
                     stuck.id, json_string(stuck.job_type), stuck.execution, stuck.worker,
                     stuck.age_s);
}

ExitCode report(const run::Toll& toll, const std::vector<queue::Stuck>& stuck, bool dry_run,
                Program& program) {
  if (program.json) {
    std::string rows;
    for (const auto& one : stuck) rows += (rows.empty() ? "" : ",") + json_row(one);
    program.print(
        fmt::format("{{\"schema_version\":1,\"dry_run\":{},\"dead_workers\":{},\"rescued\":{},"
                    "\"dead\":{},\"stuck\":[{}]}}\n",
                    dry_run, toll.workers, toll.rescued, toll.dead, rows));
  } else {
    program.print(fmt::format("{} dead workers; {} jobs {}, {} {} dead\n", toll.workers,
                              toll.rescued, dry_run ? "would run again" : "will run again",
                              toll.dead, dry_run ? "would be" : "are"));
    for (const auto& one : stuck)
      program.print(fmt::format("job {} {} runs since {} s on a live worker; not taken\n", one.id,
                                escape_control(one.job_type), one.age_s));
  }
  return stuck.empty() ? ExitCode::ok : ExitCode::failed;
}

Duration limit_of(const Options& options, const config::Config& config) {
  if (options.older_than.empty()) return config.recovery.stuck_after;
  try {
    return parse_duration(options.older_than);
  } catch (const DataError& e) {
    throw UsageError(fmt::format("--older-than: {}", e.what()));
  }
}

ExitCode cleanup(const Options& options, Program& program) {
  const auto& config = program.config();
  open_log(config);

  const auto older_than = limit_of(options, config);
  db::Connection connection(config.database);
  const auto toll =
      options.dry_run ? run::count_dead(connection, config) : run::rescue_dead(connection, config);
  db::Transaction tx(connection, db::autocommit);
  return report(toll, queue::stuck(tx, older_than), options.dry_run, program);
}

}  // namespace

void add_cleanup_stuck(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("cleanup-stuck", "Take back the jobs of dead workers now");
  command
      ->add_option("--older-than", options->older_than, "List live jobs that run longer than this")
      ->type_name("DURATION");
  command->add_flag("--dry-run", options->dry_run, "Say what would be done, change nothing");
  command->callback([options, &program] {
    program.action = [options, &program] { return cleanup(*options, program); };
  });
}

}  // namespace schedctl::cli
