#include "schedule/describe.h"

#include <doctest/doctest.h>

#include "schedule/schedules.h"

namespace schedctl::schedule {

using namespace std::chrono_literals;

TEST_SUITE("schedule::describe") {
  TEST_CASE("cron expressions in words") {
    const std::pair<const char*, const char*> cases[] = {
        {"0 2 * * *", "at 02:00 each day, UTC"},
        {"0 8,20 * * mon", "at 08:00, 20:00 on Mon, UTC"},
        {"30 0 12 * * *", "at 12:00:30 each day, UTC"},
        {"* * * * *", "each minute, UTC"},
        {"* * * * * *", "each second, UTC"},
        {"*/15 * * * *", "every 15 minutes, UTC"},
        {"*/15 8-17 * * mon-fri", "every 15 minutes in hours 8-17 on Mon-Fri, UTC"},
        {"0 * * * *", "each hour, UTC"},
        {"5 * * * *", "at minute 5 of each hour, UTC"},
        {"0 */2 * * *", "every 2 hours, UTC"},
        {"5 */2 * * *", "at minute 5, every 2 hours, UTC"},
        {"0 */6 * * *", "at 00:00, 06:00, 12:00, 18:00 each day, UTC"},
        {"* 2 * * *", "each minute in hour 2, UTC"},
        {"*/20 5 * * * *", "every 20 seconds, at minute 5 of each hour, UTC"},
        {"0 0 1,15 * *", "at 00:00 on day 1, 15 of the month, UTC"},
        {"0 0 L * *", "at 00:00 on the last day of the month, UTC"},
        {"0 0 */2 * *", "at 00:00 on day 1-31/2 of the month, UTC"},
        {"0 0 13 * fri", "at 00:00 on day 13 of the month or on Fri, UTC"},
        {"0 0 */2 * fri", "at 00:00 on day 1-31/2 of the month and only on Fri, UTC"},
        {"0 0 * * sat,sun", "at 00:00 on Sat, Sun, UTC"},
        {"0 0 * * fri-sun", "at 00:00 on Fri-Sun, UTC"},
        {"0 0 * * mon#2,friL",
         "at 00:00 on the 2nd Mon of the month, the last Fri of the month, UTC"},
        {"0 0 1 jan,jun-aug *", "at 00:00 on day 1 of the month in Jan, Jun-Aug, UTC"},
    };
    for (const auto& [text, words] : cases) {
      CAPTURE(text);
      CHECK(describe(cron(text)) == words);
    }
    const auto table = parse_cron_table({{"year", "2027-2029"}, {"week", "10-12"}, {"hour", "4"}});
    CHECK(describe(with(table, "Europe/Berlin")) ==
          "at 04:00 in week 10-12 in 2027-2029, Europe/Berlin");
  }

  TEST_CASE("intervals, instants, bounds and starts of the host in words") {
    CHECK(describe(with(Interval{3h, 0s})) == "every 3h");
    auto bounded = with(Interval{90min, 1h}, "Europe/Berlin");
    bounded.start = parse_time("2027-01-01T00:00:00Z");
    bounded.end = parse_time("2027-07-01T00:00:00Z");
    CHECK(
        describe(bounded) ==
        "every 1h30m, offset 1h, from 2027-01-01 01:00:00+01:00, until 2027-07-01 02:00:00+02:00");
    CHECK(describe(with(Moment{parse_time("2027-01-01T09:00:00Z"), {}}, "America/New_York")) ==
          "once at 2027-01-01 04:00:00-05:00, America/New_York");
    CHECK(describe(with(Reboot{})) == "at each start of the host");
  }

  TEST_CASE("instants in a zone") {
    const auto time = parse_time("2026-11-24T23:59:59.999999Z");
    const std::pair<const char*, const char*> cases[] = {
        {"UTC", "2026-11-24 23:59:59+00:00"},
        {"Europe/Berlin", "2026-11-25 00:59:59+01:00"},
        {"Asia/Kathmandu", "2026-11-25 05:44:59+05:45"},
        {"America/St_Johns", "2026-11-24 20:29:59-03:30"}};
    for (const auto& [zone, text] : cases) CHECK(format_in(Zones().find(zone), time) == text);
  }
}

}  // namespace schedctl::schedule
