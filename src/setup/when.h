// When: how often a run is started, in the words of cron and of systemd.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/clock.h"

namespace schedctl::setup {

struct When {
  std::string cron;                   // five fields, or "@daily"
  std::vector<std::string> calendar;  // OnCalendar= of systemd.time(7); any of them
};

// Each minute that is a whole multiple of the interval, counted from midnight. Throws DataError for
// what does not divide an hour or a day: 7m would come after 4 minutes at each full hour.
When every(Duration interval);

// Five fields that cron and schedctl read alike; what only schedctl knows is written in numbers for
// cron, or refused where it cannot be. Throws DataError.
When by_schedule(const std::string& text);

}  // namespace schedctl::setup
