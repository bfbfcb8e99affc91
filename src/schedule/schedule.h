// Schedule: when a definition runs. Pure: whoever asks for slots says from when on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schedule/cron.h"
#include "schedule/zone.h"
#include "schedule/zones.h"
#include "util/clock.h"

namespace schedctl::schedule {

// start (1970-01-01T00:00Z when not set) + offset + k * every, in UTC, so that neither a restart
// nor a change of the clocks shifts it.
struct Interval {
  Duration every;
  Duration offset{0};
};

// One instant. `shown` is what the clocks were to show when it was written without an offset.
struct Moment {
  Time at;
  std::optional<LocalTime> shown;
};

// Once after each start of a host: no slots, so whoever plans has to notice the start.
struct Reboot {};

// All slots lie between these.
inline constexpr Time slots_begin{std::chrono::sys_days(first_year / std::chrono::January / 1)};
inline constexpr Time slots_end{
    std::chrono::sys_days((last_year + std::chrono::years(1)) / std::chrono::January / 1)};

struct Schedule {
  std::variant<Cron, Interval, Moment, Reboot> when;
  Zone zone;
  std::optional<Time> start;  // no slot before it
  std::optional<Time> end;    // no slot at or after it
};

// The keys of a definition, as written; `cron` and `table` are the two forms of one key.
struct Written {
  std::optional<std::string> cron;
  std::optional<CronTable> table;
  std::optional<Duration> every;
  std::optional<Duration> offset;
  std::optional<std::string> at;
  std::optional<std::string> timezone;  // the system's when not set
  // Like `at`: "2027-01-01T09:00:00Z", or without an offset, also without the time, in the zone.
  std::optional<std::string> start;
  std::optional<std::string> end;
};

// Throws DataError: key, value, remedy.
Schedule read_schedule(const Written& written, Zones& zones);

// An instant as `at` is written: without an offset in the zone, the first one at which its clocks
// show that time or a later one. `key` names it in the DataError.
Time read_instant(std::string_view key, const std::string& text, const Zone& zone);

// Whether the clocks of the zone change over the slot: it stands right after a gap that swallowed
// its time (gap), or its time is shown twice (fold).
enum class Mark { none, gap, fold };

struct Slot {
  Time utc;
  Mark mark = Mark::none;
};

// The first slot after `after`, none when there is none up to the year 9999.
//
// Where clocks change, an expression with fixed minute and hour has one slot for each of its times:
// right after the gap that swallows it, the first time where it is shown twice. One whose minute or
// hour begins with "*" follows the clocks: each showing is a slot, so it has none in a gap.
std::optional<Slot> next_slot(const Schedule& schedule, Time after);

// The slots from `from` (inclusive) to `to` (exclusive), the first `most` of them.
std::vector<Slot> slots_between(const Schedule& schedule, Time from, Time to, std::size_t most);

}  // namespace schedctl::schedule
