#include "util/clock.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>

#include "util/error.h"

namespace schedctl {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

constexpr Time noon = sys_days(year(2026) / 11 / 22) + 12h;

// Another time zone for the length of a scope.
class ZoneScope {
 public:
  explicit ZoneScope(const char* zone) {
    if (const char* before = std::getenv("TZ")) before_ = before, had_ = true;
    setenv("TZ", zone, 1);
    tzset();
  }
  ~ZoneScope() {
    had_ ? setenv("TZ", before_.c_str(), 1) : unsetenv("TZ");
    tzset();
  }

 private:
  std::string before_;
  bool had_ = false;
};

}  // namespace

TEST_SUITE("util::clock") {
  TEST_CASE("an instant is written in UTC, the fraction only when there is one") {
    CHECK(format_utc(noon) == "2026-11-22T12:00:00Z");
    CHECK(format_utc(noon + 1us) == "2026-11-22T12:00:00.000001Z");
    CHECK(format_utc(noon + 500ms) == "2026-11-22T12:00:00.500000Z");
    CHECK(format_utc(noon - 1us) == "2026-11-22T11:59:59.999999Z");
    CHECK(format_utc(Time{}) == "1970-01-01T00:00:00Z");
    CHECK(format_utc(Time{} - 1us) == "1969-12-31T23:59:59.999999Z");
    CHECK(format_utc(sys_days(year(2024) / 2 / 29) + 23h + 59min + 59s) == "2024-02-29T23:59:59Z");
    CHECK(format_utc(sys_days(year(33) / 4 / 3)) == "0033-04-03T00:00:00Z");
    CHECK(format_utc(sys_days(year(12345) / 1 / 1)) == "12345-01-01T00:00:00Z");
  }

  TEST_CASE("the farthest instants are written without harm") {
    CHECK(format_utc(Time::max()) == "294247-01-10T04:00:54.775807Z");
    CHECK(format_utc(Time::min()) == "-290308-12-21T19:59:05.224192Z");
    CHECK(!format_local(Time::max()).empty());
    CHECK(!format_local(Time::min()).empty());
  }

  TEST_CASE("people read local time with its offset") {
    SUBCASE("winter and summer of one zone") {
      const ZoneScope zone("Europe/Berlin");
      CHECK(format_local(noon) == "2026-11-22 13:00:00+01:00");
      CHECK(format_local(sys_days(year(2026) / 7 / 1) + 12h) == "2026-07-01 14:00:00+02:00");
    }
    SUBCASE("an offset west with half an hour") {
      const ZoneScope zone("America/St_Johns");
      CHECK(format_local(noon) == "2026-11-22 08:30:00-03:30");
    }
    SUBCASE("before 1970 the second is the one that had begun") {
      const ZoneScope zone("UTC");
      CHECK(format_local(Time{} - 1us) == "1969-12-31 23:59:59+00:00");
    }
  }

  TEST_CASE("an instant is read in each form that PostgreSQL and RFC 3339 write") {
    for (const char* text :
         {"2026-11-22T12:00:00Z", "2026-11-22t12:00:00z", "2026-11-22 12:00:00+00",
          "2026-11-22 12:00:00", "2026-11-22T12:00Z", "2026-11-22T12:00:00.000Z",
          "2026-11-22 13:00:00+01", "2026-11-22T08:30:00-03:30", "2026-11-22T17:45:00+0545",
          "2026-11-22 12:53:28+00:53:28", "2026-11-23T01:00:00+13:00"}) {
      CAPTURE(text);
      CHECK(parse_time(text) == noon);
    }
    CHECK(parse_time("2026-11-22 12:00:00.5+00") == noon + 500ms);
    CHECK(parse_time("2026-11-22 12:00:00.000001+00") == noon + 1us);
    CHECK(parse_time("2026-11-22T12:00:00.123456789Z") == noon + 123456us);
  }

  TEST_CASE("what is no instant is refused, and the message shows it") {
    for (const char* text : {"",
                             "now",
                             "infinity",
                             "2026-11-22",
                             "2026-11-22T",
                             "2026-13-01T00:00:00Z",
                             "2026-02-29T00:00:00Z",
                             "2026-00-10T00:00:00Z",
                             "2026-11-22T24:00:00Z",
                             "2026-11-22T12:60:00Z",
                             "2026-11-22T12:00:60Z",
                             "2026-11-22T12:00:00.Z",
                             "2026-11-22T12:00:00+16",
                             "2026-11-22T12:00:00+1",
                             "2026-11-22T12:00:00 UTC",
                             "2026-11-22T12:00:00ZZ",
                             "26-11-22T12:00:00Z",
                             "0044-03-15 00:00:00+00 BC",
                             "294277-01-01T00:00:00Z",
                             "-2026-11-22T12:00:00Z",
                             "2026-11-22T12:00:00Z\n"}) {
      CAPTURE(text);
      CHECK_THROWS_AS(parse_time(text), DataError);
    }
    CHECK_THROWS_WITH(parse_time("tomorrow\n"),
                      "time \"tomorrow\\n\": use e.g. \"2026-11-22T06:12:00Z\"");
  }

  TEST_CASE("what is written is read back as the same instant") {
    Time time = sys_days(year(1) / 1 / 1);
    for (std::uint64_t step = 1; time < sys_days(days(100'000'000)); step = step * 3 + 1) {
      CAPTURE(format_utc(time));
      CHECK(parse_time(format_utc(time)) == time);
      time += microseconds(static_cast<std::int64_t>(step % 98'765'432'109'876));
    }
  }

  TEST_CASE("a duration is one number with unit or several that add up") {
    const std::pair<const char*, Duration> cases[] = {{"0s", 0s},
                                                      {"500ms", 500ms},
                                                      {"30s", 30s},
                                                      {"5m", 5min},
                                                      {"1h30m", 90min},
                                                      {"2d", 48h},
                                                      {"1w", 168h},
                                                      {"90s", 90s},
                                                      {"1m500ms", 60500ms},
                                                      {"1s1s", 2s},
                                                      {"1w1d1h1m1s1ms", 193h + 1min + 1s + 1ms},
                                                      {"5218w", weeks(5218)}};
    for (const auto& [text, expected] : cases) {
      CAPTURE(text);
      CHECK(parse_duration(text) == expected);
    }
  }

  TEST_CASE("what is no duration is refused with a hint") {
    for (const char* text : {"",
                             " ",
                             "5",
                             "0",
                             "s",
                             "5 s",
                             " 5s",
                             "5s ",
                             "-5s",
                             "-0s",
                             "+5s",
                             "1.5h",
                             "5S",
                             "5min",
                             "5 parsecs",
                             "1h30",
                             "5ss",
                             "99999999999999999999s",
                             "9223372036854775807w",
                             "5218w1ms",
                             "1e3s",
                             "0x5s"}) {
      CAPTURE(text);
      CHECK_THROWS_AS(parse_duration(text), DataError);
    }
    CHECK_THROWS_WITH(parse_duration("5"),
                      "\"5\" is no duration (a number needs a unit): use e.g. \"500ms\", \"90s\", "
                      "\"5m\", \"1h30m\", \"2d\" or \"1w\"");
  }

  TEST_CASE("a duration is written in the largest units and read back") {
    const std::pair<Duration, const char*> cases[] = {
        {0s, "0s"},       {500ms, "500ms"},    {30s, "30s"},    {90s, "1m30s"},
        {90min, "1h30m"}, {24h, "1d"},         {168h, "1w"},    {240h, "10d"},
        {336h, "2w"},     {1500ms, "1s500ms"}, {-90s, "-1m30s"}};
    for (const auto& [duration, expected] : cases) CHECK(format_duration(duration) == expected);
    CHECK(!format_duration(Duration::min()).empty());
    for (std::int64_t ms = 1; ms < 3'000'000'000'000; ms = ms * 7 + 3)
      CHECK(parse_duration(format_duration(Duration(ms))) == Duration(ms));
  }

  TEST_CASE("the database's clock goes on from where the database stood") {
    const DatabaseClock clock(noon);

    const Time first = clock.now(), second = clock.now();

    CHECK(first >= noon);
    CHECK(first < noon + 1min);
    CHECK(second >= first);
  }
}

}  // namespace schedctl
