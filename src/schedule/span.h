// Span: how many slots lie between two instants, and which is the last, without a visit to each: a
// clock that was a year ahead must not cost half a million steps for each definition.
#pragma once

#include <cstdint>
#include <optional>

#include "schedule/schedule.h"

namespace schedctl::schedule {

struct Span {
  Time first;  // slots
  Time last;
  std::int64_t count = 0;  // both included
};

// The slots from `from` (inclusive) to `to` (exclusive); nothing when there are none. Days far from
// a change of the clocks are counted as a whole.
std::optional<Span> span_between(const Schedule& schedule, Time from, Time to);

// The last slot from `from` (inclusive) to `to` (exclusive). By bisection.
std::optional<Time> last_slot_between(const Schedule& schedule, Time from, Time to);

}  // namespace schedctl::schedule
