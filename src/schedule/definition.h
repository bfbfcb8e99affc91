// When a definition of the configuration runs.
#pragma once

#include "config/definition.h"
#include "schedule/schedule.h"

namespace schedctl::schedule {

// The schedule of a definition that has one. Throws ConfigError: "FILE:LINE: job.NAME.KEY: value,
// why and remedy", also for a zone that is unknown or whose file is missing.
Schedule read_schedule(const config::Definition& definition, Zones& zones);

}  // namespace schedctl::schedule
