// Instants and durations. Instants are UTC with microseconds, as PostgreSQL's timestamptz.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace schedctl {

using Time = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::milliseconds;

// The database's time, carried on by the monotonic clock of this host: what now() said once plus
// what has passed here since. Immune to changes of the host's wall clock.
class DatabaseClock {
 public:
  explicit DatabaseClock(Time database_now)
      : anchor_(database_now), since_(std::chrono::steady_clock::now()) {}
  Time now() const {
    return anchor_ + std::chrono::duration_cast<std::chrono::microseconds>(
                         std::chrono::steady_clock::now() - since_);
  }

 private:
  Time anchor_;
  std::chrono::steady_clock::time_point since_;
};

// "2026-11-22T06:12:00.123456Z"; the fraction is left out when it is zero. Also PostgreSQL's input.
std::string format_utc(Time time);
// "2026-11-22 07:12:00+01:00" in this machine's zone, whole seconds: what people read.
std::string format_local(Time time);
// Reads format_utc's form and PostgreSQL's ISO output in UTC ("2026-11-22 06:12:00.123456+00"),
// also with other offsets, "Z" or none (then UTC). Throws DataError that names the text.
Time parse_time(std::string_view text);

// "500ms 30s 5m 1h30m 2d 1w"; several units in one text add up. Throws DataError with a hint.
Duration parse_duration(std::string_view text);
// The shortest text that parse_duration reads back: "1h30m", "500ms", "0s".
std::string format_duration(Duration duration);

}  // namespace schedctl
