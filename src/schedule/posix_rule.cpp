#include "schedule/posix_rule.h"

#include <fmt/format.h>

#include <string>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text), rest_(text) {}

  PosixRule read() {
    PosixRule rule;
    read_name();
    rule.standard = -read_time(24);  // POSIX counts westwards
    if (rest_.empty()) return rule;

    rule.has_summer = true;
    read_name();
    rule.summer = rule.standard + hours(1);
    if (!rest_.empty() && rest_[0] != ',') rule.summer = -read_time(24);
    expect(',');
    rule.to_summer = read_change();
    expect(',');
    rule.to_standard = read_change();
    if (!rest_.empty()) fail();
    return rule;
  }

 private:
  void read_name() {
    const bool quoted = skip('<');
    std::size_t length = 0;
    while (length < rest_.size() &&
           (is_letter(rest_[length]) ||
            (quoted && (is_digit(rest_[length]) || rest_[length] == '+' || rest_[length] == '-'))))
      ++length;
    if (length < 3) fail();
    rest_.remove_prefix(length);
    if (quoted) expect('>');
  }

  // [+-]h[:mm[:ss]]
  seconds read_time(int most_hours) {
    const bool negative = skip('-');
    if (!negative) skip('+');
    seconds time = hours(read_number(0, most_hours));
    if (skip(':')) time += minutes(read_number(0, 59));
    if (skip(':')) time += seconds(read_number(0, 59));
    return negative ? -time : time;
  }

  PosixRule::Change read_change() {
    using Form = PosixRule::Change::Form;
    PosixRule::Change change;
    if (skip('M')) {
      change.month = read_number(1, 12);
      expect('.');
      change.week = read_number(1, 5);
      expect('.');
      change.day = read_number(0, 6);
    } else if (skip('J')) {
      change.form = Form::julian;
      change.day = read_number(1, 365);
    } else {
      change.form = Form::day_of_year;
      change.day = read_number(0, 365);
    }
    change.time = skip('/') ? read_time(167) : hours(2);
    return change;
  }

  int read_number(int least, int most) {
    int value = 0, digits = 0;
    for (; digits < 3 && !rest_.empty() && is_digit(rest_[0]); ++digits) {
      value = value * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    if (digits == 0 || value < least || value > most) fail();
    return value;
  }

  bool skip(char wanted) {
    if (rest_.empty() || rest_[0] != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char wanted) {
    if (!skip(wanted)) fail();
  }

  [[noreturn]] void fail() const {
    throw DataError(
        fmt::format("the rule \"{}\" is no POSIX rule", escape_control(text_.substr(0, 64))));
  }

  std::string_view text_;
  std::string_view rest_;
};

sys_days date_of(const PosixRule::Change& change, year y) {
  using Form = PosixRule::Change::Form;
  const sys_days new_year = y / January / 1;
  if (change.form == Form::day_of_year) return new_year + days(change.day);
  if (change.form == Form::julian) {
    const bool behind_leap_day = y.is_leap() && change.day >= 60;
    return new_year + days(change.day - 1 + (behind_leap_day ? 1 : 0));
  }
  const month m(static_cast<unsigned>(change.month));
  const weekday wanted(static_cast<unsigned>(change.day));
  if (change.week == 5) return sys_days(y / m / wanted[last]);
  return sys_days(y / m / wanted[static_cast<unsigned>(change.week)]);
}

}  // namespace

PosixRule parse_posix_rule(std::string_view text) { return RuleReader(text).read(); }

std::array<Transition, 2> changes_in(const PosixRule& rule, year year) {
  const Transition to_summer{date_of(rule.to_summer, year) + rule.to_summer.time - rule.standard,
                             rule.summer};
  const Transition to_standard{
      date_of(rule.to_standard, year) + rule.to_standard.time - rule.summer, rule.standard};
  if (to_summer.at < to_standard.at) return {to_summer, to_standard};
  return {to_standard, to_summer};
}

}  // namespace schedctl::schedule
