// When a definition of the configuration runs.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "config/definition.h"
#include "schedule/schedule.h"

namespace schedctl::schedule {

// The schedule of a definition that has one. Throws ConfigError: "FILE:LINE: job.NAME.KEY: value,
// why and remedy", also for a zone that is unknown or whose file is missing.
Schedule read_schedule(const config::Definition& definition, Zones& zones);

// Everything of all schedules but their zones, which a run leaves to each definition: one that is
// unknown here keeps only its own definition from running. Throws ConfigError as above.
void check_schedules(const std::map<std::string, config::Definition>& definitions);

// How much later than its slots its jobs are due: from 0 to below `jitter`, the same for each slot,
// on each host and in each version. The slot stays where it is.
Duration delay_of(const config::Definition& definition);
Duration delay_of(std::string_view name, Duration jitter);

}  // namespace schedctl::schedule
