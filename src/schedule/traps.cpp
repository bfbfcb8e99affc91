#include "schedule/traps.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/describe.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

using Lines = std::vector<std::string>;

std::string write_clock(LocalTime time) {
  const hh_mm_ss clock(time - floor<days>(time));
  const auto text = fmt::format("{:02}:{:02}", clock.hours().count(), clock.minutes().count());
  if (clock.seconds() == seconds(0)) return text;
  return text + fmt::format(":{:02}", clock.seconds().count());
}

std::string write_date(LocalTime time) {
  return format_utc(Time(time.time_since_epoch())).substr(0, 10);
}

bool is_starred(const std::string& text) { return text.starts_with('*'); }

void check_day_fields(const Cron& cron, Lines& lines) {
  const auto& day = cron.text_of(Field::day);
  const auto& weekday = cron.text_of(Field::day_of_week);
  if (cron.is_table || day == "*" || weekday == "*") return;
  if (cron.either_day)
    lines.push_back(
        fmt::format("day \"{0}\" and day_of_week \"{1}\" are both set, so either is enough: for "
                    "both at once use the table form, {{ day = \"{0}\", day_of_week = \"{1}\" }}",
                    shown(day), shown(weekday)));
  else
    lines.push_back(
        fmt::format("day \"{}\" and day_of_week \"{}\" must both fit, as one of them begins with *",
                    shown(day), shown(weekday)));
}

// "*/7" minutes end with a shorter step at the end of the hour.
void check_steps(const Cron& cron, Lines& lines) {
  for (const Field field : {Field::hour, Field::minute, Field::second}) {
    const auto& text = cron.text_of(field);
    if (!is_starred(text)) continue;
    const auto ranges = read_field(field, text).ranges;
    const int whole = rule_of(field).last + 1;
    if (ranges.size() > 1 || whole % ranges[0].step == 0) continue;
    lines.push_back(
        fmt::format("{} \"{}\" begins anew at 0, so its last step is only {} long: for "
                    "even steps use every",
                    rule_of(field).name, text, whole % ranges[0].step));
  }
}

void check_every_minute(const Cron& cron, Lines& lines) {
  const auto& hour = cron.text_of(Field::hour);
  if (cron.text_of(Field::minute) != "*" || hour.empty() || is_starred(hour)) return;
  lines.push_back(fmt::format(
      "minute \"*\" with hour \"{}\" runs 60 times an hour: for once an hour use minute \"0\"",
      shown(hour)));
}

// Digits that do not belong to "#2" or "/2".
bool has_weekday_number(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] >= '0' && text[i] <= '9' && (i == 0 || (text[i - 1] != '#' && text[i - 1] != '/')))
      return true;
  return false;
}

// APScheduler, whose tables look alike, counts weekdays from Monday.
void check_weekday_numbers(const Cron& cron, Lines& lines) {
  const auto& text = cron.text_of(Field::day_of_week);
  if (!cron.is_table || !has_weekday_number(text)) return;
  lines.push_back(fmt::format(
      "day_of_week \"{}\" counts from Sunday, which is 0: names such as \"mon-fri\" leave no doubt",
      shown(text)));
}

struct ClockChange {
  Instant at;
  LocalTime before;  // what the clocks would show without the change
  LocalTime after;
};

std::vector<ClockChange> changes_after(const Zone& zone, Time now) {
  const Instant begin = floor<seconds>(now), end = begin + days(366);
  std::vector<ClockChange> changes;
  for (auto period = zone.period(begin); period.end < end;) {
    const auto next = zone.period(period.end);
    if (next.offset != period.offset)
      changes.push_back({next.begin, period.local(next.begin), next.local(next.begin)});
    period = next;
  }
  return changes;
}

std::string say_gap(const Cron& cron, const ClockChange& change, LocalTime time) {
  const auto what = cron.follows_clock ? std::string("it has no slot there")
                                       : "its slot moves to " + write_clock(change.after);
  return fmt::format("{}: the clocks skip {}: {}", write_date(time), write_clock(time), what);
}

std::string say_fold(const Cron& cron, LocalTime time) {
  return fmt::format("{}: the clocks show {} twice: {}", write_date(time), write_clock(time),
                     cron.follows_clock ? "both times are slots" : "only the first time is a slot");
}

void check_clock_changes(const Cron& cron, const Schedule& schedule, Time now, Lines& lines) {
  constexpr std::uint64_t each_hour = (1U << 24) - 1;
  // Nobody misses an hour that is not there, nor minds one that is.
  if (cron.follows_clock && cron.hours == each_hour) return;
  for (const auto& change : changes_after(schedule.zone, now)) {
    const auto first = std::min(change.before, change.after);
    const auto last = std::max(change.before, change.after);
    const auto time = next_fitting(cron, first);
    if (!time || *time >= last) continue;
    const bool gap = change.after > change.before;
    lines.push_back(gap ? say_gap(cron, change, *time) : say_fold(cron, *time));
  }
}

void check(const Cron& cron, const Schedule& schedule, Time now, Lines& lines) {
  check_day_fields(cron, lines);
  check_steps(cron, lines);
  check_every_minute(cron, lines);
  check_weekday_numbers(cron, lines);
  check_clock_changes(cron, schedule, now, lines);
}

void check(const Interval& interval, const Schedule& schedule, Time now, Lines& lines) {
  constexpr Duration day = days(1);
  const auto every = format_duration(interval.every);
  if (interval.every < day && day % interval.every != Duration(0))
    lines.push_back(fmt::format(
        "every {} does not go evenly into a day: its times differ from day to day", every));
  if (interval.every % day == Duration(0) && !changes_after(schedule.zone, now).empty())
    lines.push_back(
        fmt::format("every {} is counted in UTC: when the clocks of {} change, its time "
                    "of day changes; for a fixed one use cron",
                    every, schedule.zone.name()));
}

void check(const Moment& moment, const Schedule& schedule, Time, Lines& lines) {
  if (!moment.shown) return;
  const auto shown_then = schedule.zone.local(floor<seconds>(moment.at));
  if (shown_then != *moment.shown)
    lines.push_back(fmt::format("at: the clocks of {} skip {}: its slot moves to {}",
                                schedule.zone.name(), write_clock(*moment.shown),
                                write_clock(shown_then)));
  else if (schedule.zone.is_repeated(shown_then))
    lines.push_back(
        fmt::format("at: the clocks of {} show {} twice: the first time is meant, "
                    "unless you write an offset",
                    schedule.zone.name(), write_clock(shown_then)));
}

void check(const Reboot&, const Schedule&, Time, Lines&) {}

}  // namespace

std::vector<std::string> find_traps(const Schedule& schedule, Time now) {
  Lines lines;
  if (const auto why = never_again(schedule, now)) lines.push_back(*why);
  std::visit([&](const auto& when) { check(when, schedule, now, lines); }, schedule.when);
  return lines;
}

std::optional<microseconds> shortest_gap(const Schedule& schedule, Time now) {
  constexpr std::size_t looked_at = 100;
  const auto slots = slots_between(schedule, now, slots_end, looked_at);
  std::optional<microseconds> shortest;
  for (std::size_t i = 1; i < slots.size(); ++i) {
    const auto gap = slots[i].utc - slots[i - 1].utc;
    if (!shortest || gap < *shortest) shortest = gap;
  }
  return shortest;
}

std::optional<std::string> never_again(const Schedule& schedule, Time now) {
  if (std::holds_alternative<Reboot>(schedule.when) || next_slot(schedule, now))
    return std::nullopt;
  return fmt::format("{} has no slot after {}: correct it, or remove it", describe(schedule),
                     format_in(schedule.zone, now));
}

}  // namespace schedctl::schedule
