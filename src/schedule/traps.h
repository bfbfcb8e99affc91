// Traps: what is allowed, but may not be what was meant. For `validate`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace schedctl::schedule {

// One line each; changes of the clocks are looked for in the year after `now`.
std::vector<std::string> find_traps(const Schedule& schedule, Time now);

// The least distance between neighbours among the next hundred slots; nothing when there are fewer
// than two.
std::optional<std::chrono::microseconds> shortest_gap(const Schedule& schedule, Time now);

// Why no slot comes after `now` (a year that has passed, an `end` that has); nothing when one does.
// A definition that is new with such a schedule should be refused.
std::optional<std::string> never_again(const Schedule& schedule, Time now);

}  // namespace schedctl::schedule
