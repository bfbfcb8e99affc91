#include "schedule/span.h"

#include <algorithm>
#include <bit>

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

constexpr microseconds moment(1);
// So long after a change of the clocks times may be those of the change. More than what two clocks
// of one zone can ever differ.
constexpr days unquiet(3);

std::int64_t visit(const Schedule& schedule, Time from, Time to) {
  std::int64_t count = 0;
  for (auto slot = next_slot(schedule, from - moment); slot && slot->utc < to;
       slot = next_slot(schedule, slot->utc))
    ++count;
  return count;
}

std::int64_t fitting_dates(const Cron& cron, local_days from, local_days to) {
  std::int64_t count = 0;
  for (auto fitting = next_fitting(cron, from); fitting && *fitting < to; ++count)
    fitting = next_fitting(cron, floor<days>(*fitting) + days(1));
  return count;
}

// Whole days on which each fitting time is one slot, and those instants alone are slots.
struct QuietDays {
  local_days first;
  local_days end;
  Period period;

  QuietDays(const Zone& zone, Time from, Time to) : period(zone.period(floor<seconds>(from))) {
    const Time quiet = std::max<Time>(from, period.begin + unquiet);
    first = ceil<days>(period.local(ceil<seconds>(quiet)));
    end = floor<days>(period.local(std::min(floor<seconds>(to), period.end)));
  }
  bool any() const { return first < end; }
};

// Both are slots.
std::int64_t count_slots(const Cron& cron, const Schedule& schedule, Time first, Time last) {
  const std::int64_t each_date = std::int64_t{1} * std::popcount(cron.hours) *
                                 std::popcount(cron.minutes) * std::popcount(cron.seconds);
  const Time to = last + moment;
  std::int64_t count = 0;
  for (Time from = first; from < to;) {
    const QuietDays quiet(schedule.zone, from, to);
    if (!quiet.any()) {
      const Time change = std::min<Time>(to, quiet.period.end);
      count += visit(schedule, from, change);
      from = change;
      continue;
    }
    count += visit(schedule, from, quiet.period.instant(quiet.first));
    count += each_date * fitting_dates(cron, quiet.first, quiet.end);
    from = quiet.period.instant(quiet.end);
  }
  return count;
}

std::int64_t count_slots(const Interval& interval, const Schedule&, Time first, Time last) {
  return (last - first) / interval.every + 1;
}

std::int64_t count_slots(const Moment&, const Schedule&, Time, Time) { return 1; }
std::int64_t count_slots(const Reboot&, const Schedule&, Time, Time) { return 0; }

}  // namespace

std::optional<Time> last_slot_between(const Schedule& schedule, Time from, Time to) {
  const auto first = next_slot(schedule, from - moment);
  if (!first || first->utc >= to) return std::nullopt;
  Time last = first->utc;  // a slot
  Time end = to - moment;  // no slot lies behind it and before `to`
  while (last < end) {
    const Time middle = last + (end - last) / 2;
    const auto slot = next_slot(schedule, middle);
    if (slot && slot->utc < to)
      last = slot->utc;
    else
      end = middle;
  }
  return last;
}

std::optional<Span> span_between(const Schedule& schedule, Time from, Time to) {
  const auto last = last_slot_between(schedule, from, to);
  if (!last) return std::nullopt;
  const Time first = next_slot(schedule, from - moment)->utc;
  const auto count = std::visit(
      [&](const auto& when) { return count_slots(when, schedule, first, *last); }, schedule.when);
  return Span{first, *last, count};
}

}  // namespace schedctl::schedule
