#include "setup/when.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>

#include "schedule/cron.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::setup {
namespace {

using namespace std::chrono_literals;
using schedule::Cron;
using schedule::Field;

struct Unit {
  int first, last;
};
constexpr Unit minutes{0, 59}, hours{0, 23}, days{1, 31}, months{1, 12};

std::vector<int> values_of(std::uint64_t bits, Unit unit) {
  std::vector<int> values;
  for (int value = unit.first; value <= unit.last; ++value)
    if (bits >> value & 1U) values.push_back(value);
  return values;
}

// "*", "00/5" or "01,02,05".
std::string calendar_part(std::uint64_t bits, Unit unit) {
  const auto values = values_of(bits, unit);
  const auto all = static_cast<std::size_t>(unit.last - unit.first + 1);
  if (values.size() == all) return "*";
  return fmt::format("{:02}", fmt::join(values, ","));
}

std::string weekdays_part(std::uint64_t bits) {
  constexpr const char* names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  std::string part;
  for (int day = 0; day < 7; ++day)
    if (bits >> day & 1U) part += (part.empty() ? "" : ",") + std::string(names[day]);
  return part + ' ';
}

std::vector<std::string> calendar_of(const Cron& cron) {
  constexpr std::uint64_t every_weekday = 0x7F;
  const auto weekdays =
      (cron.weekdays & every_weekday) == every_weekday ? "" : weekdays_part(cron.weekdays);
  const auto day = calendar_part(cron.days, days);
  const auto line = [&](const std::string& of_week, const std::string& of_month) {
    return fmt::format("{}*-{}-{} {}:{}:00", of_week, calendar_part(cron.months, months), of_month,
                       calendar_part(cron.hours, hours), calendar_part(cron.minutes, minutes));
  };
  if (cron.either_day) return {line("", day), line(weekdays, "*")};
  return {line(weekdays, day)};
}

// Numbers only, and no range backwards: what every cron reads as schedctl does.
bool is_plain(const std::string& field) {
  static const std::regex plain(
      R"((\*(/\d+)?|\d+(-\d+(/\d+)?)?)(,(\*(/\d+)?|\d+(-\d+(/\d+)?)?))*)");
  if (!std::regex_match(field, plain)) return false;
  static const std::regex range(R"((\d+)-(\d+))");
  return std::all_of(
      std::sregex_iterator(field.begin(), field.end(), range), {},
      [](const std::smatch& match) { return std::stoi(match[1]) <= std::stoi(match[2]); });
}

std::string field_for_cron(const Cron& cron, Field field, std::uint64_t bits, Unit unit) {
  const auto& written = cron.text_of(field);
  if (is_plain(written)) return written;
  if (written.starts_with('*'))
    throw DataError(fmt::format("\"{}\": cron does not know that: use numbers", written));
  return fmt::format("{}", fmt::join(values_of(bits, unit), ","));
}

}  // namespace

When every(Duration interval) {
  const auto count = std::chrono::duration_cast<std::chrono::minutes>(interval).count();
  const bool whole = interval >= 1min && interval % 1min == 0min;
  if (whole && count < 60 && 60 % count == 0)
    return by_schedule(count == 1 ? "* * * * *" : fmt::format("*/{} * * * *", count));
  if (whole && count % 60 == 0 && count < 24 * 60 && 24 % (count / 60) == 0)
    return by_schedule(count == 60 ? "0 * * * *" : fmt::format("0 */{} * * *", count / 60));
  if (interval == 24h) return by_schedule("0 0 * * *");
  throw DataError(
      fmt::format("{} does not divide an hour or a day: use 1m, 2m, 3m, 4m, 5m, 6m, 10m, 12m, 15m, "
                  "20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1d, or --schedule",
                  format_duration(interval)));
}

When by_schedule(const std::string& text) {
  if (schedule::is_reboot(text))
    throw DataError("\"@reboot\" names no time: use e.g. \"*/5 * * * *\"");
  const auto cron = schedule::parse_cron(text);
  if (!cron.text_of(Field::second).empty())
    throw DataError("cron knows no seconds: use five fields");
  const bool nth = std::any_of(cron.nth_weekdays.begin(), cron.nth_weekdays.end(),
                               [](auto set) { return set != 0; });
  if (cron.last_day || cron.last_weekdays != 0 || nth)
    throw DataError("cron knows no L and no #: use days of the month or of the week");
  return {fmt::format("{} {} {} {} {}", field_for_cron(cron, Field::minute, cron.minutes, minutes),
                      field_for_cron(cron, Field::hour, cron.hours, hours),
                      field_for_cron(cron, Field::day, cron.days, days),
                      field_for_cron(cron, Field::month, cron.months, months),
                      field_for_cron(cron, Field::day_of_week, cron.weekdays, {0, 6})),
          calendar_of(cron)};
}

}  // namespace schedctl::setup
