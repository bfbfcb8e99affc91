// What is allowed in a definition, but may not be what was meant.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "schedule/schedule.h"
#include "util/clock.h"

namespace schedctl::cli {

// Each "FILE:LINE: job NAME: what, why and remedy". `schedule` is its own, null when it has none.
std::vector<std::string> definition_warnings(const config::Definition& definition,
                                             const schedule::Schedule* schedule,
                                             const config::Config& config, Time now);

}  // namespace schedctl::cli
