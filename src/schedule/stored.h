// Stored: definitions as job_definitions keeps them, so that any host can plan what another one
// declares. Texts in, texts out.
#pragma once

#include <string>
#include <vector>

#include "config/definition.h"
#include "schedule/schedule.h"

namespace schedctl::schedule {

// job_definitions.written: the keys of the schedule but for the zone, as one JSON object.
std::string written_json(const config::WrittenSchedule& schedule);
// Throws DataError when it is no such object, e.g. of a later version.
Written read_written(const std::string& json, const std::string& timezone);

// The schedule for people, as written: "0 2 * * *", "every 3h, offset 1h"; empty when there is
// none.
std::string show_written(const config::WrittenSchedule& schedule);

// job_definitions.policies, as one JSON object.
std::string policies_json(const config::Definition& definition);

// What the planner needs of them.
struct Policies {
  using Misfire = config::Definition::Misfire;
  using Overlap = config::Definition::Overlap;

  Misfire misfire = Misfire::coalesce;
  Duration catchup_window = std::chrono::hours(24);
  int catchup_max = 10;
  Overlap overlap = Overlap::skip;
  Duration jitter{0};
  std::vector<std::string> depends_on;
  Duration dependency_timeout = std::chrono::hours(1);
};
// Throws DataError, as above.
Policies read_policies(const std::string& json);

}  // namespace schedctl::schedule
