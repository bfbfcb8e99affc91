// PosixRule: the line at the end of a zone file, which says how the clocks change after the last
// transition that the file lists: "CET-1CEST,M3.5.0,M10.5.0/3". Sources: POSIX, Base Definitions
// 8.3 (TZ); RFC 8536, section 3.3.1 (hours from -167 to 167).
#pragma once

#include <array>
#include <chrono>
#include <string_view>

namespace schedctl::schedule {

// From `at` on, the clocks are `offset` ahead of UTC.
struct Transition {
  std::chrono::sys_seconds at;
  std::chrono::seconds offset;
};

struct PosixRule {
  struct Change {
    enum class Form { month_week_day, julian, day_of_year };
    Form form = Form::month_week_day;
    int month = 0;
    int week = 0;  // 5: the last one of the month
    int day = 0;   // of the week (0: Sunday), or of the year (julian: 1 to 365, never February 29)
    std::chrono::seconds time{0};  // since midnight, as the clocks show it before the change
  };

  std::chrono::seconds standard{0};  // ahead of UTC
  bool has_summer = false;
  std::chrono::seconds summer{0};
  Change to_summer;
  Change to_standard;
};

// Throws DataError that says what is wrong with the text.
PosixRule parse_posix_rule(std::string_view text);

// The two changes of a year in the order of their instants; of two at one instant the second
// counts. Only for rules that have a summer.
std::array<Transition, 2> changes_in(const PosixRule& rule, std::chrono::year year);

}  // namespace schedctl::schedule
