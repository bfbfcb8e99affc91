// schedctl job retry ID... -- send dead jobs back to the queue.
#include <memory>

#include "cli/job.h"
#include "queue/retry.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::vector<std::string> ids;
};

ExitCode retry(const Options& options, Program& program) {
  return for_each_job(options.ids, program, [](db::Transaction& tx, job::JobId id) -> Answer {
    queue::retry(tx, id);
    return {"pending", "is pending, due now"};
  });
}

}  // namespace

void add_job_retry(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("retry", "Send dead jobs back to the queue, due now");
  command->add_option("id", options->ids, "Job ids, as printed by \"status\" and \"history\"")
      ->required();
  command->callback([options, &program] {
    program.action = [options, &program] { return retry(*options, program); };
  });
}

}  // namespace schedctl::cli
