// The slots of a schedule. Rules where clocks change: crontab(5) of Vixie cron and cronie, made
// exact: a fixed time has its slot at the first instant at which the clocks show it or later.
#include <algorithm>

#include "schedule/schedule.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

// More than what two clocks of one zone can ever differ.
constexpr days margin(3);

Mark mark_of(const Zone& zone, LocalTime shown) {
  return zone.is_repeated(shown) ? Mark::fold : Mark::none;
}

std::optional<Slot> next_fixed(const Cron& cron, const Zone& zone, Instant after) {
  // Times up to the latest shown had their slots.
  const auto wanted = next_fitting(cron, zone.latest_shown(after) + seconds(1));
  if (!wanted) return std::nullopt;
  const Instant at = zone.first_showing(*wanted);
  const LocalTime shown = zone.local(at);
  if (shown != *wanted && !fits(cron, shown)) return Slot{at, Mark::gap};
  return Slot{at, mark_of(zone, shown)};
}

std::optional<Slot> next_showing(const Cron& cron, const Zone& zone, Instant after) {
  for (Instant from = after + seconds(1); from < slots_end;) {
    const Period period = zone.period(from);
    const LocalTime local = period.local(from);
    const auto fitting = next_fitting(cron, local);
    if (fitting && *fitting < period.local(period.end))
      return Slot{period.instant(*fitting), mark_of(zone, *fitting)};

    // No time fits from `local - margin` to `distant`, so none is shown before `distant - margin`.
    const auto distant = next_fitting(cron, local - margin);
    if (!distant) return std::nullopt;
    from = std::max(period.end, Instant((*distant - margin).time_since_epoch()));
  }
  return std::nullopt;
}

std::optional<Slot> next_of(const Cron& cron, const Schedule& schedule, Time after) {
  const Instant second = floor<seconds>(after);
  return cron.follows_clock ? next_showing(cron, schedule.zone, second)
                            : next_fixed(cron, schedule.zone, second);
}

std::optional<Slot> next_of(const Interval& interval, const Schedule& schedule, Time after) {
  const Time first = schedule.start.value_or(slots_begin) + interval.offset;
  if (after < first) return Slot{first};
  return Slot{first + ((after - first) / interval.every + 1) * microseconds(interval.every)};
}

std::optional<Slot> next_of(const Moment& moment, const Schedule& schedule, Time after) {
  if (moment.at <= after) return std::nullopt;
  if (!moment.shown) return Slot{moment.at};
  const LocalTime shown = schedule.zone.local(floor<seconds>(moment.at));
  const bool moved = shown != *moment.shown;
  return Slot{moment.at, moved ? Mark::gap : mark_of(schedule.zone, shown)};
}

std::optional<Slot> next_of(const Reboot&, const Schedule&, Time) { return std::nullopt; }

}  // namespace

std::optional<Slot> next_slot(const Schedule& schedule, Time after) {
  const Time begin = std::max(schedule.start.value_or(slots_begin), slots_begin);
  const Time end = std::min(schedule.end.value_or(slots_end), slots_end);
  after = std::max(after, begin - microseconds(1));
  if (after >= end) return std::nullopt;
  const auto slot =
      std::visit([&](const auto& when) { return next_of(when, schedule, after); }, schedule.when);
  return slot && slot->utc < end ? slot : std::nullopt;
}

std::vector<Slot> slots_between(const Schedule& schedule, Time from, Time to, std::size_t most) {
  std::vector<Slot> slots;
  Time after = std::max(from, slots_begin) - microseconds(1);
  while (slots.size() < most) {
    const auto slot = next_slot(schedule, after);
    if (!slot || slot->utc >= to) break;
    slots.push_back(*slot);
    after = slot->utc;
  }
  return slots;
}

}  // namespace schedctl::schedule
