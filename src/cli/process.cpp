// schedctl process -- one tick: claim what is due, run it, record what happened, exit.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/logging.h"
#include "cli/pause_text.h"
#include "run/tick.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  run::TickOptions tick;
  bool dry_run = false;
};

ExitCode preview(const Options& options, Program& program) {
  const auto [pause, jobs] = run::preview(program.config(), options.tick);
  if (program.json) {
    std::string rows;
    for (const auto& job : jobs)
      rows += fmt::format(
          "{}{{\"id\":{},\"job_type\":{},\"priority\":{},\"scheduled_for\":\"{}\",\"attempt\":{}}}",
          rows.empty() ? "" : ",", job.id, json_string(job.job_type), job.priority,
          job.scheduled_for, job.attempt);
    program.print(
        fmt::format("{{\"schema_version\":1,{},\"due\":[{}]}}\n", pause_members(pause), rows));
    return ExitCode::ok;
  }
  for (const auto& job : jobs)
    program.print(fmt::format("would run job {} {} (priority {}, due since {}, attempt {})\n",
                              job.id, escape_control(job.job_type), job.priority, job.scheduled_for,
                              job.attempt));
  if (pause)
    program.print(
        fmt::format("nothing would run: paused {}, {}\n", pause_when(*pause), pause_who(*pause)));
  else if (jobs.empty())
    program.print("nothing is due\n");
  return ExitCode::ok;
}

ExitCode process(const Options& options, Program& program) {
  open_log(program.config());
  return options.dry_run ? preview(options, program) : run::tick(program.config(), options.tick);
}

}  // namespace

void add_process(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("process", "Run what is due, once; made to be called each minute by cron");
  command->add_option("--limit", options->tick.limit, "Run at most N jobs")
      ->check(whole_number_fault)
      ->check(CLI::Range(1L, 1'000'000'000L))
      ->type_name("N");
  command->add_option("--type", options->tick.job_types, "Only jobs of these types")
      ->type_name("TYPE");
  command
      ->add_option("--max-runtime", program.overrides.max_runtime, "How long new jobs are claimed")
      ->type_name("DURATION");
  command
      ->add_option("--linger", program.overrides.linger,
                   "Stay at least so long, and run jobs the moment they are enqueued or fall due")
      ->type_name("DURATION");
  command
      ->add_option("--concurrency", program.overrides.concurrency,
                   "How many handlers run at a time")
      ->type_name("N");
  command->add_option("--lock-file", program.overrides.lock_file, "The host's lock")
      ->type_name("FILE");
  command->add_flag("--dry-run", options->dry_run, "Say what would run, change nothing");
  command->add_flag("--fail-on-job-error", options->tick.fail_on_job_error,
                    "Exit with 1 when an attempt fails");
  command->callback([options, &program] {
    program.action = [options, &program] { return process(*options, program); };
  });
}

}  // namespace schedctl::cli
