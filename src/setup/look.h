// Look: what a run will find when cron or systemd starts it, found out by starting the program as
// they do: as that user, with next to no environment.
#pragma once

#include <string>
#include <vector>

#include "setup/plan.h"

namespace schedctl::setup {

struct Look {
  std::string lock_file;
  std::string log_file;  // empty: none
  Duration stop_timeout;
  std::vector<std::string> warnings;  // what a person should know before
};

// Throws Error 77 when the user cannot start the program, ConfigError with the program's own words
// when the configuration cannot be used.
Look look_as_started(const Plan& plan);

}  // namespace schedctl::setup
