#include "setup/when.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/process.h"
#include "util/error.h"

using namespace schedctl;
using namespace schedctl::setup;
using namespace schedctl::test;

namespace {

std::string refusal(const std::string& schedule) {
  try {
    by_schedule(schedule);
    return "";
  } catch (const DataError& e) {
    return e.what();
  }
}

}  // namespace

TEST_SUITE("setup::when") {
  TEST_CASE("an interval that divides an hour or a day is evenly spaced") {
    CHECK(every(1min).cron == "* * * * *");
    CHECK(every(5min).cron == "*/5 * * * *");
    CHECK(every(1h).cron == "0 * * * *");
    CHECK(every(6h).cron == "0 */6 * * *");
    CHECK(every(24h).cron == "0 0 * * *");
    CHECK(every(1min).calendar == std::vector<std::string>{"*-*-* *:*:00"});
    CHECK(every(6h).calendar == std::vector<std::string>{"*-*-* 00,06,12,18:00:00"});
    for (const auto odd : {Duration(0), Duration(30s), Duration(90s), Duration(7min),
                           Duration(45min), Duration(90min), Duration(5h), Duration(48h)})
      CHECK_THROWS_AS(every(odd), DataError);
  }

  TEST_CASE("what cron reads as schedctl does is handed on as it is written") {
    for (const char* text :
         {"* * * * *", "*/5 * * * *", "0,30 8-18/2 * * 1-5", "0 0 */2 * 1", "5 4 1,15 * 7"})
      CHECK(by_schedule(text).cron == text);
  }

  TEST_CASE("what only schedctl knows is written in numbers, or refused") {
    CHECK(by_schedule("0 9 * jan-mar mon-fri").cron == "0 9 * 1,2,3 1,2,3,4,5");
    CHECK(by_schedule("5/15 * * * *").cron == "5,20,35,50 * * * *");
    CHECK(by_schedule("@daily").cron == "0 0 * * *");
    CHECK(by_schedule("0 0 * * fri-sun").cron == "0 0 * * 0,5,6");
    CHECK(refusal("@reboot").find("names no time") != std::string::npos);
    CHECK(refusal("0 0 * * * *").find("knows no seconds") != std::string::npos);
    CHECK(refusal("0 0 L * *").find("no L") != std::string::npos);
    CHECK(refusal("0 0 * * mon#2").find("no #") != std::string::npos);
    CHECK(refusal("0 0 * * friL").find("no L") != std::string::npos);
    CHECK(refusal("0 0 * * */2,fri").find("use numbers") != std::string::npos);
    CHECK(refusal("61 * * * *") != "");
  }

  TEST_CASE("either of two restricted days is a line of its own for systemd, as for cron") {
    CHECK(by_schedule("0 9 13 * fri").calendar ==
          std::vector<std::string>{"*-*-13 09:00:00", "Fri *-*-* 09:00:00"});
    CHECK(by_schedule("0 9 */2 6 1-5").calendar.size() == 1);
    CHECK(by_schedule("0 0 * * 0,6").calendar ==
          std::vector<std::string>{"Sun,Sat *-*-* 00:00:00"});
  }

  TEST_CASE("systemd takes each calendar, and elapses when cron would start it") {
    const auto next = [](const std::string& calendar) {
      const auto end =
          run({"systemd-analyze", "calendar", "--base-time=2026-11-22 06:12:30 UTC", calendar},
              {.env = {"TZ=UTC", "LC_ALL=C"}});
      REQUIRE_MESSAGE(end.exit_code == 0, calendar << ": " << end.err);
      const auto at = end.out.find("Next elapse: ") + 13;
      return end.out.substr(at, end.out.find('\n', at) - at);
    };
    CHECK(next(every(1min).calendar[0]) == "Sun 2026-11-22 06:13:00 UTC");
    CHECK(next(every(10min).calendar[0]) == "Sun 2026-11-22 06:20:00 UTC");
    CHECK(next(every(24h).calendar[0]) == "Mon 2026-11-23 00:00:00 UTC");
    CHECK(next(by_schedule("30 9 1,15 * *").calendar[0]) == "Tue 2026-12-01 09:30:00 UTC");
    CHECK(next(by_schedule("0 9 * * sat").calendar[0]) == "Sat 2026-11-28 09:00:00 UTC");
    CHECK(next(by_schedule("0 9 13 2 fri").calendar[1]) == "Fri 2027-02-05 09:00:00 UTC");
  }
}
