// schedctl job show ... -- what concerns one job.
#include "cli/job.h"

namespace schedctl::cli {

void add_job(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("job", "Look at one job");
  command->require_subcommand(1);
  add_job_show(*command, program);
}

}  // namespace schedctl::cli
