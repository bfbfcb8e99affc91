// One field of a cron expression: its lists, ranges, steps and names, read and checked.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace schedctl::schedule {

// From the largest unit to the smallest; "week" is that of ISO 8601.
enum class Field { year, month, day, week, day_of_week, hour, minute, second };
inline constexpr std::array all_fields = {Field::year,   Field::month,       Field::day,
                                          Field::week,   Field::day_of_week, Field::hour,
                                          Field::minute, Field::second};

struct FieldRule {
  std::string_view name;
  int first, last;  // what "*" and an open step reach over
};

const FieldRule& rule_of(Field field);

struct Range {
  int first, last, step;
  bool holds(int value) const {
    return value >= first && value <= last && (value - first) % step == 0;
  }
};

struct FieldValues {
  std::vector<Range> ranges;
  bool starred = false;                           // the text begins with "*"
  bool last_day = false;                          // L, as a day
  std::uint8_t last_weekdays = 0;                 // friL: bit 5
  std::array<std::uint8_t, 6> nth_weekdays = {};  // mon#2: bit 1 of the element 2
};

// Bit n stands for the number n, which is below 64.
std::uint64_t bits(const std::vector<Range>& ranges);

// What is wrong with a field: value, why, remedy. Who knows the place adds it.
struct FieldProblem {
  std::size_t position;  // in the field's text, from 0
  std::string text;
};

// A single number with a step reaches to the end: 5/15 is 5-59/15. Throws FieldProblem.
FieldValues read_field(Field field, std::string_view text);

// The text as messages show it: escaped, and cut when long.
std::string shown(std::string_view text);

}  // namespace schedctl::schedule
