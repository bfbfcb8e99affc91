// ZoneRules: when the clocks of a zone change, read from a zone file (TZif, RFC 8536).
// The zone part of the date library is not used: it ignores the rule at the end of the file, so it
// is wrong after 2037, and it costs a shared library at each start.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "schedule/posix_rule.h"

namespace schedctl::schedule {

using Instant = std::chrono::sys_seconds;
using LocalTime = std::chrono::local_seconds;

// Slots lie in these years. Zones are known a little beyond, so that sums do not overflow.
inline constexpr std::chrono::year first_year{1970};
inline constexpr std::chrono::year last_year{9999};
inline constexpr Instant zones_begin =
    std::chrono::sys_days(std::chrono::year(-9999) / std::chrono::January / 1);
inline constexpr Instant zones_end =
    std::chrono::sys_days(std::chrono::year(19999) / std::chrono::January / 1);
// No zone is further from UTC.
inline constexpr std::chrono::seconds longest_offset = std::chrono::hours(26);

// A stretch of time in which the clocks keep one distance from UTC.
struct Period {
  Instant begin;
  Instant end;  // the first instant after it
  std::chrono::seconds offset;

  LocalTime local(Instant at) const { return LocalTime(at.time_since_epoch() + offset); }
  Instant instant(LocalTime shown) const { return Instant(shown.time_since_epoch() - offset); }
};

struct ZoneRules {
  std::chrono::seconds first_offset{0};  // before the first transition
  std::vector<Transition> transitions;   // in the order of their instants
  std::optional<PosixRule> rule;         // from the last transition on
};

// The period that holds `at`, which lies between zones_begin and zones_end.
Period period_at(const ZoneRules& rules, Instant at);

// Reads a zone file of version 2 or newer. Throws DataError that says what is wrong with it.
ZoneRules parse_zone_file(std::string_view bytes);

}  // namespace schedctl::schedule
