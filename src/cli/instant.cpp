#include "cli/instant.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdio>
#include <ctime>
#include <optional>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr auto forms = "use e.g. \"2026-11-22T06:12:00Z\", or \"2026-11-22 06:12\" for local time";

[[noreturn]] void fail(const std::string& option, const std::string& text, const std::string& why) {
  throw DataError(fmt::format("{} \"{}\": {}", option, escape_control(text), why));
}

// "YYYY-MM-DD HH:MM[:SS]" and nothing else; also with a T between.
std::optional<std::tm> read_local(const std::string& text) {
  std::tm tm{};
  char between = 0;
  int end = 0;
  if (text.size() != 16 && text.size() != 19) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char form = "dddd-dd-dd dd:dd:dd"[i];
    const bool digit = std::isdigit(static_cast<unsigned char>(text[i]));
    if (form == 'd' ? !digit : form == ' ' ? text[i] != ' ' && text[i] != 'T' : text[i] != form)
      return std::nullopt;
  }
  const int fields =
      std::sscanf(text.c_str(), "%4d-%2d-%2d%c%2d:%2d%n:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                  &between, &tm.tm_hour, &tm.tm_min, &end, &tm.tm_sec);
  if (fields < 6) return std::nullopt;
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  return tm;
}

bool is_calendar(const std::tm& tm) {
  const std::chrono::year_month_day date{std::chrono::year(tm.tm_year + 1900),
                                         std::chrono::month(static_cast<unsigned>(tm.tm_mon + 1)),
                                         std::chrono::day(static_cast<unsigned>(tm.tm_mday))};
  return date.ok() && tm.tm_hour < 24 && tm.tm_min < 60 && tm.tm_sec < 60;
}

// The earliest instant at which this machine's clocks show `wanted`; mktime gives one for each
// guess about summer time.
std::optional<std::time_t> earliest(const std::tm& wanted) {
  std::optional<std::time_t> found;
  for (const int summer : {1, 0}) {
    std::tm tm = wanted;
    tm.tm_isdst = summer;
    const std::time_t at = std::mktime(&tm);
    const bool same = tm.tm_mday == wanted.tm_mday && tm.tm_hour == wanted.tm_hour &&
                      tm.tm_min == wanted.tm_min && tm.tm_sec == wanted.tm_sec;
    if (same && (!found || at < *found)) found = at;
  }
  return found;
}

}  // namespace

Time read_instant(const std::string& option, const std::string& text) {
  if (const auto local = read_local(text)) {
    if (!is_calendar(*local)) fail(option, text, std::string("no such date or time: ") + forms);
    const auto at = earliest(*local);
    if (!at) fail(option, text, "the clocks of this machine's zone skip this time: choose another");
    return Time(std::chrono::seconds(*at));
  }
  const auto zone = text.find_first_of("Zz+", 10);
  const auto minus = text.rfind('-');
  if (zone == std::string::npos && (minus == std::string::npos || minus < 10))
    fail(option, text, forms);
  try {
    return parse_time(text);
  } catch (const DataError&) {
    fail(option, text, forms);
  }
}

Duration read_duration(const std::string& option, const std::string& text) {
  try {
    return parse_duration(text);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", option, error.what()));
  }
}

bool is_duration(const std::string& text) {
  // Every instant has its first '-' behind four digits; durations have none.
  return text.find('-') == std::string::npos;
}

}  // namespace schedctl::cli
