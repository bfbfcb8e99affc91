// Schedules in words, for people.
#pragma once

#include <string>

#include "schedule/schedule.h"

namespace schedctl::schedule {

// "every 3h, offset 1h"; "at 02:00 each day, Europe/Berlin"; "every 15 minutes in hours 8-17 on
// mon-fri, UTC".
std::string describe(const Schedule& schedule);

// "2026-11-22 07:12:00+01:00" in the zone, whole seconds.
std::string format_in(const Zone& zone, Time time);

}  // namespace schedctl::schedule
