// The subcommands of `job`, one file each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "db/transaction.h"
#include "job/job.h"

namespace schedctl::cli {

void add_job_show(CLI::App& app, Program& program);
void add_job_retry(CLI::App& app, Program& program);
void add_job_cancel(CLI::App& app, Program& program);

// What became of one job.
struct Answer {
  std::string status;  // of the job, for programs
  std::string text;    // what follows "job 42 " for people
};
// Asks for each job in a transaction of its own and prints a line, or with --json an element of
// `jobs`, for each. A Refusal concerns its own job alone; then the exit code is 1. Throws
// UsageError before anything is done when one of `ids` is no number.
ExitCode for_each_job(const std::vector<std::string>& ids, Program& program,
                      const std::function<Answer(db::Transaction&, job::JobId)>& ask);

}  // namespace schedctl::cli
