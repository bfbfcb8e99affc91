// Finding the times that fit a cron expression: field by field, a month of days at once.
#include <algorithm>
#include <bit>

#include "schedule/cron.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

constexpr std::uint64_t every_weekday = 0x7F;
constexpr std::uint64_t every_week = ((std::uint64_t{1} << 53) - 1) << 1;
// After so many years the calendar repeats, weekdays included.
constexpr int calendar_cycle = 400;

bool holds(std::uint64_t set, unsigned value) { return ((set >> value) & 1) != 0; }

// The smallest member that is at least `from`.
std::optional<unsigned> next_member(std::uint64_t set, unsigned from) {
  if (from >= 64) return std::nullopt;
  const std::uint64_t rest = set >> from;
  if (rest == 0) return std::nullopt;
  return from + static_cast<unsigned>(std::countr_zero(rest));
}

unsigned first_member(std::uint64_t set) { return static_cast<unsigned>(std::countr_zero(set)); }

bool has_year(const Cron& cron, year y) {
  return cron.years.empty() || std::ranges::any_of(cron.years, [&](const Range& range) {
           return range.holds(static_cast<int>(y));
         });
}

// A month, whose days are bits 1 to its length.
struct Month {
  sys_days first;
  unsigned first_weekday;
  unsigned length;

  explicit Month(year_month month)
      : first(month / 1),
        first_weekday(weekday(first).c_encoding()),
        length(static_cast<unsigned>((month / last).day())) {}

  std::uint64_t all() const { return ((std::uint64_t{1} << length) - 1) << 1; }

  // The days that fall on one of `weekdays`.
  std::uint64_t on(std::uint64_t weekdays) const {
    constexpr std::uint64_t five_weeks = 0x10204081;
    const auto turned = ((weekdays >> first_weekday) | (weekdays << (7 - first_weekday))) & 0x7F;
    return (turned * five_weeks) << 1;
  }

  std::uint64_t nth_week(unsigned nth) const { return std::uint64_t{0x7F} << (7 * (nth - 1) + 1); }
  std::uint64_t last_week() const { return std::uint64_t{0x7F} << (length - 6); }
};

// The week of a date is that of its Thursday (ISO 8601).
unsigned week_of(sys_days date) {
  const sys_days thursday = date + days(3) - (weekday(date) - Monday);
  const auto new_year = sys_days(year_month_day(thursday).year() / January / 1);
  return static_cast<unsigned>((thursday - new_year).count()) / 7 + 1;
}

std::uint64_t days_in_weeks(const Month& month, std::uint64_t weeks) {
  if (weeks == every_week) return month.all();
  std::uint64_t set = 0;
  for (unsigned day = 1; day <= month.length;) {
    const sys_days date = month.first + days(day - 1);
    const auto until_monday = static_cast<unsigned>(7 - (weekday(date) - Monday).count());
    const std::uint64_t rest_of_week = ((std::uint64_t{1} << until_monday) - 1) << day;
    if (holds(weeks, week_of(date))) set |= rest_of_week;
    day += until_monday;
  }
  return set;
}

std::uint64_t days_on_weekdays(const Cron& cron, const Month& month) {
  if (cron.weekdays == every_weekday) return month.all();
  std::uint64_t set = month.on(cron.weekdays);
  for (unsigned nth = 1; nth < cron.nth_weekdays.size(); ++nth)
    if (cron.nth_weekdays[nth] != 0) set |= month.on(cron.nth_weekdays[nth]) & month.nth_week(nth);
  if (cron.last_weekdays != 0) set |= month.on(cron.last_weekdays) & month.last_week();
  return set;
}

std::uint64_t fitting_days(const Cron& cron, const Month& month) {
  std::uint64_t by_day = cron.days;
  if (cron.last_day) by_day |= std::uint64_t{1} << month.length;
  const auto by_weekday = days_on_weekdays(cron, month);
  const auto either = cron.either_day ? by_day | by_weekday : by_day & by_weekday;
  return either & days_in_weeks(month, cron.weeks) & month.all();
}

// The first fitting date at or after `from`.
std::optional<local_days> next_date(const Cron& cron, local_days from) {
  const year_month_day start(from);
  int years_in_a_row = 0;  // the first of them may have begun before
  for (year y = std::max(start.year(), first_year); y <= last_year; ++y) {
    if (!has_year(cron, y)) {
      years_in_a_row = 0;
      continue;
    }
    if (++years_in_a_row > calendar_cycle + 1) break;
    const bool in_start_year = y == start.year();
    auto m = next_member(cron.months, in_start_year ? static_cast<unsigned>(start.month()) : 1);
    for (; m; m = next_member(cron.months, *m + 1)) {
      const bool in_start_month = in_start_year && month(*m) == start.month();
      const auto set = fitting_days(cron, Month(y / month(*m)));
      const auto day = next_member(set, in_start_month ? static_cast<unsigned>(start.day()) : 1);
      if (day) return local_days(y / month(*m) / static_cast<int>(*day));
    }
  }
  return std::nullopt;
}

seconds at_clock(unsigned hour, unsigned minute, unsigned second) {
  return hours(hour) + minutes(minute) + seconds(second);
}

// The first fitting time of a day at or after `from`.
std::optional<seconds> next_clock(const Cron& cron, seconds from) {
  const hh_mm_ss clock(from);
  const auto h = static_cast<unsigned>(clock.hours().count());
  const auto m = static_cast<unsigned>(clock.minutes().count());
  const auto first_minute = first_member(cron.minutes), first_second = first_member(cron.seconds);
  if (holds(cron.hours, h)) {
    if (holds(cron.minutes, m))
      if (const auto s = next_member(cron.seconds, static_cast<unsigned>(clock.seconds().count())))
        return at_clock(h, m, *s);
    if (const auto later = next_member(cron.minutes, m + 1))
      return at_clock(h, *later, first_second);
  }
  if (const auto later = next_member(cron.hours, h + 1))
    return at_clock(*later, first_minute, first_second);
  return std::nullopt;
}

}  // namespace

bool fits(const Cron& cron, LocalTime time) { return next_fitting(cron, time) == time; }

std::optional<LocalTime> next_fitting(const Cron& cron, LocalTime from) {
  const auto today = floor<days>(from);
  const auto date = next_date(cron, today);
  if (!date) return std::nullopt;
  if (*date > today) return *date + *next_clock(cron, seconds(0));
  if (const auto clock = next_clock(cron, from - today)) return today + *clock;
  const auto later = next_date(cron, today + days(1));
  if (!later) return std::nullopt;
  return *later + *next_clock(cron, seconds(0));
}

}  // namespace schedctl::schedule
