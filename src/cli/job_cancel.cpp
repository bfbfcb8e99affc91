// schedctl job cancel ID... -- end jobs that wait or run.
#include <memory>
#include <optional>

#include "cli/filters.h"
#include "cli/job.h"
#include "queue/cancel.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::vector<std::string> ids;
  std::optional<std::string> reason;
};

ExitCode cancel(const Options& options, Program& program) {
  require_text("--reason", options.reason.value_or(""));
  return for_each_job(options.ids, program, [&](db::Transaction& tx, job::JobId id) -> Answer {
    if (queue::cancel(tx, id, options.reason) == queue::Cancelled::now)
      return {"cancelled", "is cancelled"};
    return {"running", "is running: its worker has been asked to end it"};
  });
}

}  // namespace

void add_job_cancel(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("cancel", "End jobs that wait or run, on whichever host");
  command->add_option("id", options->ids, "Job ids, as printed by \"status\" and \"history\"")
      ->required();
  command->add_option("--reason", options->reason, "Kept with the job and in the audit log")
      ->type_name("TEXT");
  command->callback([options, &program] {
    program.action = [options, &program] { return cancel(*options, program); };
  });
}

}  // namespace schedctl::cli
