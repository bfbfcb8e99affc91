// The subcommands of `job`, one file each.
#pragma once

#include "cli/commands.h"

namespace schedctl::cli {

void add_job_show(CLI::App& app, Program& program);

}  // namespace schedctl::cli
