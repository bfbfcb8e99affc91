#include "schedule/describe.h"

#include <fmt/format.h>

#include <bit>
#include <cstdlib>
#include <span>

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> weekday_names = {"Sun", "Mon", "Tue", "Wed",
                                                           "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 13> month_names = {
    "", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 6> ordinals = {"", "1st", "2nd", "3rd", "4th", "5th"};
constexpr std::uint64_t every_hour = (std::uint64_t{1} << 24) - 1;
constexpr std::uint64_t every_sixtieth = (std::uint64_t{1} << 60) - 1;
constexpr std::uint64_t only_zero = 1;

std::vector<int> members(std::uint64_t set) {
  std::vector<int> numbers;
  for (; set != 0; set &= set - 1) numbers.push_back(std::countr_zero(set));
  return numbers;
}

// The distance of members that all lie equally far from each other, 0 when they do not.
int common_step(const std::vector<int>& numbers) {
  if (numbers.size() < 2) return 0;
  const int step = numbers[1] - numbers[0];
  for (std::size_t i = 2; i < numbers.size(); ++i)
    if (numbers[i] - numbers[i - 1] != step) return 0;
  return step;
}

void append(std::string& list, const std::string& item) {
  if (!list.empty()) list += ", ";
  list += item;
}

// "1, 15", "8-17", "1-31/2"; with names those of the numbers.
std::string write_set(std::uint64_t set, std::span<const std::string_view> names = {}) {
  const auto word = [&](int n) {
    return names.empty() ? std::to_string(n) : std::string(names[static_cast<std::size_t>(n)]);
  };
  const auto numbers = members(set);
  if (const int step = common_step(numbers); step > 1 && numbers.size() > 3)
    return fmt::format("{}-{}/{}", word(numbers.front()), word(numbers.back()), step);
  std::string list;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    if (end - i < 3) end = i + 1;
    append(list, end - i < 3 ? word(numbers[i]) : word(numbers[i]) + "-" + word(numbers[end - 1]));
    i = end;
  }
  return list;
}

// The step when the set is 0, step, 2 * step ... and goes evenly into `whole`, else 0.
int even_step(std::uint64_t set, int whole) {
  const auto numbers = members(set);
  const int step = common_step(numbers);
  const bool even = step > 0 && numbers[0] == 0 &&
                    step * static_cast<int>(numbers.size()) == whole && whole % step == 0;
  return even ? step : 0;
}

std::string write_unit(std::uint64_t set, int whole, std::string_view unit) {
  const int step = even_step(set, whole);
  if (step == 1) return fmt::format("each {}", unit);
  if (step > 1) return fmt::format("every {} {}s", step, unit);
  return fmt::format("at {} {}", unit, write_set(set));
}

// "at 08:00, 20:00", as long as these are few; else nothing.
std::string list_clock_times(const Cron& cron) {
  constexpr int most = 6;
  if (std::popcount(cron.hours) * std::popcount(cron.minutes) * std::popcount(cron.seconds) > most)
    return "";
  std::string list;
  for (const int h : members(cron.hours))
    for (const int m : members(cron.minutes))
      for (const int s : members(cron.seconds))
        append(list, cron.seconds == only_zero ? fmt::format("{:02}:{:02}", h, m)
                                               : fmt::format("{:02}:{:02}:{:02}", h, m, s));
  return "at " + list;
}

std::string describe_clock(const Cron& cron) {
  std::string text;
  if (cron.seconds != only_zero) text = write_unit(cron.seconds, 60, "second");
  const bool each_minute = cron.minutes == every_sixtieth;
  const int hour_step = even_step(cron.hours, 24);
  if (text.empty() && cron.minutes == only_zero && hour_step > 0)
    return write_unit(cron.hours, 24, "hour");
  if (text.empty() || !each_minute) append(text, write_unit(cron.minutes, 60, "minute"));
  if (cron.hours == every_hour)
    return even_step(cron.minutes, 60) > 0 ? text : text + " of each hour";
  if (hour_step > 0) return fmt::format("{}, every {} hours", text, hour_step);
  const bool one_hour = std::has_single_bit(cron.hours);
  return fmt::format("{} in hour{} {}", text, one_hour ? "" : "s", write_set(cron.hours));
}

std::string describe_days_of_month(const Cron& cron) {
  if (std::popcount(cron.days) == 31) return "";
  std::string list = cron.days == 0 ? "" : "day " + write_set(cron.days);
  if (cron.last_day) append(list, "the last day");
  return "on " + list + " of the month";
}

std::string describe_weekdays(const Cron& cron) {
  if (cron.weekdays == 0x7F) return "";
  // Monday first, so that a week end stands together.
  std::string list;
  if (cron.weekdays != 0) {
    constexpr std::array<std::string_view, 7> from_monday = {"Mon", "Tue", "Wed", "Thu",
                                                             "Fri", "Sat", "Sun"};
    list = write_set(cron.weekdays >> 1 | (cron.weekdays & 1) << 6, from_monday);
  }
  for (std::size_t nth = 1; nth < ordinals.size(); ++nth)
    for (const int day : members(cron.nth_weekdays[nth]))
      append(list, fmt::format("the {} {} of the month", ordinals[nth],
                               weekday_names[static_cast<std::size_t>(day)]));
  for (const int day : members(cron.last_weekdays))
    append(list,
           fmt::format("the last {} of the month", weekday_names[static_cast<std::size_t>(day)]));
  return "on " + list;
}

std::string describe_dates(const Cron& cron) {
  std::string text = describe_days_of_month(cron);
  const std::string weekdays = describe_weekdays(cron);
  if (!text.empty() && !weekdays.empty()) text += cron.either_day ? " or " : " and only ";
  text += weekdays;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
  if (std::popcount(cron.months) != 12) add("in " + write_set(cron.months, month_names));
  if (std::popcount(cron.weeks) != 53) add("in week " + write_set(cron.weeks));
  if (!cron.years.empty() && cron.text_of(Field::year) != "*")
    add("in " + cron.text_of(Field::year));
  return text;
}

std::string describe(const Cron& cron, const Zone& zone) {
  std::string text = list_clock_times(cron);
  const bool at_clock_times = !text.empty();
  if (!at_clock_times) text = describe_clock(cron);
  const auto dates = describe_dates(cron);
  if (!dates.empty()) text += " " + dates;
  if (dates.empty() && at_clock_times) text += " each day";
  return text + ", " + zone.name();
}

std::string describe(const Interval& interval, const Zone&) {
  const auto every = "every " + format_duration(interval.every);
  if (interval.offset == Duration(0)) return every;
  return every + ", offset " + format_duration(interval.offset);
}

std::string describe(const Moment& moment, const Zone& zone) {
  return fmt::format("once at {}, {}", format_in(zone, moment.at), zone.name());
}

std::string describe(const Reboot&, const Zone&) { return "at each start of the host"; }

}  // namespace

std::string describe(const Schedule& schedule) {
  auto text =
      std::visit([&](const auto& when) { return describe(when, schedule.zone); }, schedule.when);
  if (schedule.start) text += ", from " + format_in(schedule.zone, *schedule.start);
  if (schedule.end) text += ", until " + format_in(schedule.zone, *schedule.end);
  return text;
}

std::string format_in(const Zone& zone, Time time) {
  const auto at = floor<seconds>(time);
  const Period period = zone.period(at);
  auto text = format_utc(Time(period.local(at).time_since_epoch()));
  text.replace(10, 1, " ");
  text.pop_back();
  const auto ahead = period.offset.count();
  const auto minutes = std::abs(ahead) / 60;
  return text + fmt::format("{}{:02}:{:02}", ahead < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

}  // namespace schedctl::schedule
