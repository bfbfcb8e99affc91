#include "util/clock.h"

#include <array>
#include <charconv>
#include <ctime>

#include "util/error.h"
#include "util/text.h"

namespace schedctl {
namespace {

using namespace std::chrono;

// Instants past these years do not fit into 64 bits of microseconds.
constexpr int last_year = 294'000;
// Whatever parse_duration returns can be added to any instant of our times without overflow.
constexpr Duration longest_duration = weeks(5218);  // a hundred years

// After 400 years the calendar repeats. std::chrono::year ends at 32767, PostgreSQL's years do not.
using Gregorian = duration<std::int64_t, std::ratio_multiply<std::ratio<146'097>, days::period>>;

char* write_digits(char* out, unsigned value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + width;
}

char* write_year(char* out, int year) {
  if (year >= 0 && year <= 9999) return write_digits(out, static_cast<unsigned>(year), 4);
  return std::to_chars(out, out + 12, year).ptr;
}

// Reads a timestamp from left to right; whatever does not fit ends in one error that shows all of
// the text.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : text_(text), rest_(text) {}

  Time read() {
    const sys_days date = read_date();
    if (!skip('T') && !skip('t') && !skip(' ')) fail();
    const microseconds clock = read_clock();
    const seconds offset = read_offset();
    if (!rest_.empty()) fail();
    return date + clock - offset;
  }

 private:
  sys_days read_date() {
    const int y = read_number(4, 6);
    expect('-');
    const auto m = static_cast<unsigned>(read_number(2, 2));
    expect('-');
    const auto d = static_cast<unsigned>(read_number(2, 2));
    if (y > last_year) fail();
    const year_month_day date{year(y % 400), month(m), day(d)};
    if (!date.ok()) fail();
    return sys_days(date) + Gregorian(y / 400);
  }

  microseconds read_clock() {
    const hours h(read_number(2, 2));
    expect(':');
    const minutes m(read_number(2, 2));
    seconds s(0);
    microseconds fraction(0);
    if (skip(':')) {
      s = seconds(read_number(2, 2));
      if (skip('.')) fraction = read_fraction();
    }
    if (h.count() > 23 || m.count() > 59 || s.count() > 59) fail();
    return h + m + s + fraction;
  }

  microseconds read_fraction() {
    if (!at_digit()) fail();
    microseconds sum(0);
    for (int scale = 100'000; at_digit(); scale /= 10) sum += microseconds(scale * take_digit());
    return sum;
  }

  seconds read_offset() {
    if (rest_.empty() || skip('Z') || skip('z')) return seconds(0);
    const bool west = skip('-');
    if (!west) expect('+');
    const hours h(read_number(2, 2));
    minutes m(0);
    seconds s(0);
    if (skip(':') || at_digit()) m = minutes(read_number(2, 2));
    if (skip(':')) s = seconds(read_number(2, 2));
    if (h.count() > 15 || m.count() > 59 || s.count() > 59) fail();
    const seconds offset = h + m + s;
    return west ? -offset : offset;
  }

  int read_number(int fewest, int most) {
    int value = 0, digits = 0;
    for (; digits < most && at_digit(); ++digits) value = value * 10 + take_digit();
    if (digits < fewest) fail();
    return value;
  }

  bool at_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }

  int take_digit() {
    const int digit = rest_[0] - '0';
    rest_.remove_prefix(1);
    return digit;
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
    throw DataError("time \"" + escape_control(text_.substr(0, 64)) +
                    "\": use e.g. \"2026-11-22T06:12:00Z\"");
  }

  std::string_view text_;
  std::string_view rest_;
};

struct Unit {
  std::string_view name;
  Duration length;
};

// "ms" stands before "m", because the first that fits is taken.
constexpr std::array<Unit, 6> units{{{"ms", milliseconds(1)},
                                     {"s", seconds(1)},
                                     {"m", minutes(1)},
                                     {"h", hours(1)},
                                     {"d", days(1)},
                                     {"w", weeks(1)}}};

[[noreturn]] void fail_duration(std::string_view text, const std::string& why) {
  throw DataError("\"" + escape_control(text.substr(0, 64)) + "\" is no duration" + why +
                  ": use e.g. \"500ms\", \"90s\", \"5m\", \"1h30m\", \"2d\" or \"1w\"");
}

std::string_view take_word(std::string_view& rest) {
  std::size_t length = 0;
  while (length < rest.size() && rest[length] >= 'a' && rest[length] <= 'z') ++length;
  const auto word = rest.substr(0, length);
  rest.remove_prefix(length);
  return word;
}

Duration length_of(std::string_view unit, std::string_view text) {
  for (const auto& candidate : units)
    if (candidate.name == unit) return candidate.length;
  fail_duration(text, unit.empty() ? " (a number needs a unit)" : "");
}

}  // namespace

std::string format_utc(Time time) {
  // Not time - floor<days>(time): the first day of all begins before what 64 bits can hold.
  constexpr std::int64_t day_length = microseconds(days(1)).count();
  auto of_day = time.time_since_epoch().count() % day_length;
  if (of_day < 0) of_day += day_length;
  const auto date = floor<days>(time);
  const auto cycles = floor<Gregorian>(date.time_since_epoch());
  const year_month_day ymd(date - cycles);
  const auto second = static_cast<unsigned>(of_day / 1'000'000);

  std::array<char, 40> buffer;
  char* out = write_year(buffer.data(),
                         static_cast<int>(ymd.year()) + 400 * static_cast<int>(cycles.count()));
  *out++ = '-';
  out = write_digits(out, static_cast<unsigned>(ymd.month()), 2);
  *out++ = '-';
  out = write_digits(out, static_cast<unsigned>(ymd.day()), 2);
  *out++ = 'T';
  out = write_digits(out, second / 3600, 2);
  *out++ = ':';
  out = write_digits(out, second / 60 % 60, 2);
  *out++ = ':';
  out = write_digits(out, second % 60, 2);
  if (const auto fraction = static_cast<unsigned>(of_day % 1'000'000); fraction != 0) {
    *out++ = '.';
    out = write_digits(out, fraction, 6);
  }
  *out++ = 'Z';
  return {buffer.data(), out};
}

std::string format_local(Time time) {
  const std::time_t whole = floor<seconds>(time).time_since_epoch().count();
  std::tm local{};
  if (localtime_r(&whole, &local) == nullptr) return format_utc(floor<seconds>(time));

  std::array<char, 64> buffer;
  const auto length = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d %H:%M:%S", &local);
  const auto offset = static_cast<unsigned>(std::labs(local.tm_gmtoff)) / 60;
  char* out = buffer.data() + length;
  *out++ = local.tm_gmtoff < 0 ? '-' : '+';
  out = write_digits(out, offset / 60, 2);
  *out++ = ':';
  out = write_digits(out, offset % 60, 2);
  return {buffer.data(), out};
}

Time parse_time(std::string_view text) { return TimeReader(text).read(); }

Duration parse_duration(std::string_view text) {
  if (text.empty()) fail_duration(text, "");
  Duration sum(0);
  for (auto rest = text; !rest.empty();) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error == std::errc::result_out_of_range) fail_duration(text, " (longer than 100 years)");
    if (error != std::errc() || number < 0 || rest[0] == '-') fail_duration(text, "");
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));

    const Duration unit = length_of(take_word(rest), text);
    if (number > (longest_duration - sum) / unit) fail_duration(text, " (longer than 100 years)");
    sum += number * unit;
  }
  return sum;
}

std::string format_duration(Duration duration) {
  auto rest = static_cast<std::uint64_t>(duration.count());
  if (rest == 0) return "0s";
  std::string text;
  if (duration.count() < 0) {
    text = "-";
    rest = 0 - rest;
  }
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    const auto length = static_cast<std::uint64_t>(unit->length.count());
    const bool is_week = unit == units.rbegin();
    if (rest < length || (is_week && rest % length != 0))
      continue;  // "10d" reads better than "1w3d"
    text += std::to_string(rest / length);
    text += unit->name;
    rest %= length;
  }
  return text;
}

}  // namespace schedctl
