#include "schedule/cron_field.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "util/text.h"

namespace schedctl::schedule {
namespace {

constexpr std::array<FieldRule, all_fields.size()> rules{{{"year", 1970, 9999},
                                                          {"month", 1, 12},
                                                          {"day", 1, 31},
                                                          {"week", 1, 53},
                                                          {"day_of_week", 0, 6},
                                                          {"hour", 0, 23},
                                                          {"minute", 0, 59},
                                                          {"second", 0, 59}}};

constexpr std::array<std::string_view, 12> months = {"jan", "feb", "mar", "apr", "may", "jun",
                                                     "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekdays = {"sun", "mon", "tue", "wed",
                                                      "thu", "fri", "sat"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view text, std::string_view word) {
  return std::ranges::equal(text, word, {}, lower);
}

std::span<const std::string_view> names_of(Field field) {
  if (field == Field::month) return months;
  if (field == Field::day_of_week) return weekdays;
  return {};
}

class FieldReader {
 public:
  FieldReader(Field field, std::string_view text)
      : field_(field), rule_(rule_of(field)), text_(text) {}

  FieldValues read() {
    values_.starred = text_.starts_with('*');
    for (item_at_ = 0; item_at_ <= text_.size(); item_at_ += item_.size() + 1) {
      item_ = text_.substr(item_at_, text_.find(',', item_at_) - item_at_);
      rest_ = item_;
      if (item_.empty()) refuse_empty();
      read_item();
    }
    return std::move(values_);
  }

 private:
  void read_item() {
    if (field_ == Field::day && (same_word(item_, "l") || same_word(item_, "last"))) {
      values_.last_day = true;
      return;
    }
    Range range{rule_.first, rule_.last, 1};
    if (!skip('*')) {
      const int value = read_value();
      if (field_ == Field::day_of_week && read_weekday_of_month(value)) return;
      range = read_range(value);
    }
    if (skip('/')) range.step = read_step();
    if (!rest_.empty()) refuse_value();
    add(range);
  }

  // Behind the first value.
  Range read_range(int first) {
    if (rest_.starts_with('/')) return {first, std::max(first, rule_.last), 1};
    if (!skip('-')) return {first, first, 1};
    const bool ends_with_name = !rest_.empty() && is_letter(rest_[0]);
    int last = read_value();
    // Sunday by its name ends a week as well as it begins one: fri-sun.
    if (field_ == Field::day_of_week && ends_with_name && last == 0 && first > 0) last = 7;
    if (last < first) refuse_order(first, last);
    return {first, last, 1};
  }

  bool read_weekday_of_month(int value) {
    const auto bit = static_cast<std::uint8_t>(1U << (value % 7));
    if (skip('L') || skip('l')) {
      values_.last_weekdays |= bit;
    } else if (skip('#')) {
      const auto nth = read_number();
      if (!nth || *nth < 1 || *nth > 5 || !rest_.empty())
        refuse("has no week of the month behind #: use #1 to #5, e.g. \"mon#2\"");
      values_.nth_weekdays[static_cast<std::size_t>(*nth)] |= bit;
    } else {
      return false;
    }
    if (!rest_.empty()) refuse_value();
    return true;
  }

  int read_value() {
    if (const auto number = read_number()) {
      if (*number < rule_.first || *number > most())
        refuse(fmt::format("is out of range: use {}", allowed()));
      return *number;
    }
    const auto names = names_of(field_);
    const auto name = std::ranges::find_if(names, [&](std::string_view candidate) {
      return same_word(rest_.substr(0, 3), candidate);
    });
    if (name == names.end()) refuse_value();
    rest_.remove_prefix(3);
    const int first = field_ == Field::month ? 1 : 0;
    return first + static_cast<int>(name - names.begin());
  }

  int read_step() {
    const int longest = rule_.last - rule_.first + 1;
    const auto step = read_number();
    if (!step || *step < 1 || *step > longest)
      refuse(fmt::format("has no usable step: use 1 to {} behind /", longest));
    return *step;
  }

  // Nothing when no digit stands there; numbers too large for any field become the largest.
  std::optional<int> read_number() {
    constexpr int largest = 100'000;
    if (rest_.empty() || !is_digit(rest_[0])) return std::nullopt;
    int number = 0;
    for (; !rest_.empty() && is_digit(rest_[0]); rest_.remove_prefix(1))
      number = std::min(largest, number * 10 + (rest_[0] - '0'));
    return number;
  }

  void add(Range range) {
    if (field_ != Field::day_of_week || range.last < 7) {
      values_.ranges.push_back(range);
      return;
    }
    if (range.holds(7)) values_.ranges.push_back({0, 0, 1});
    range.last = 6;
    if (range.first <= 6) values_.ranges.push_back(range);
  }

  bool skip(char wanted) {
    if (rest_.empty() || rest_[0] != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  int most() const { return field_ == Field::day_of_week ? 7 : rule_.last; }

  std::string allowed() const {
    const auto numbers = fmt::format("{} to {}", rule_.first, most());
    if (field_ == Field::month) return numbers + " or jan to dec";
    if (field_ == Field::day_of_week) return numbers + " or sun to sat";
    if (field_ == Field::day) return numbers + ", or L for the last day";
    return numbers;
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw FieldProblem{item_at_, fmt::format("\"{}\" {}", shown(item_), why)};
  }

  [[noreturn]] void refuse_value() const {
    refuse(fmt::format("is no {}: use {}, *, a-b, or a-b/step", rule_.name, allowed()));
  }

  [[noreturn]] void refuse_order(int first, int last) const {
    // Counted from Sunday = 0, no week goes round from 7.
    const int from = first > rule_.last ? rule_.first : first;
    if (from <= last) refuse(fmt::format("runs backwards: use {}-{}", from, last));
    refuse(fmt::format("runs backwards: use {}-{}, or \"{}-{},{}-{}\" to go round", last, from,
                       from, rule_.last, rule_.first, last));
  }

  [[noreturn]] void refuse_empty() const {
    if (text_.empty()) throw FieldProblem{0, fmt::format("is empty: use {} or *", allowed())};
    throw FieldProblem{item_at_,
                       fmt::format("\"{}\" has an empty list item: remove a comma", shown(text_))};
  }

  Field field_;
  const FieldRule& rule_;
  std::string_view text_;
  std::size_t item_at_ = 0;
  std::string_view item_;
  std::string_view rest_;  // of the item
  FieldValues values_;
};

}  // namespace

const FieldRule& rule_of(Field field) { return rules[static_cast<std::size_t>(field)]; }

std::uint64_t bits(const std::vector<Range>& ranges) {
  std::uint64_t set = 0;
  for (const auto& [first, last, step] : ranges)
    for (int value = first; value <= last; value += step) set |= std::uint64_t{1} << value;
  return set;
}

FieldValues read_field(Field field, std::string_view text) {
  return FieldReader(field, text).read();
}

std::string shown(std::string_view text) {
  constexpr std::size_t most = 40;
  return escape_control(text.substr(0, most)) + (text.size() > most ? "..." : "");
}

}  // namespace schedctl::schedule
