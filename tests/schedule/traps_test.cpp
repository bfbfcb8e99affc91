#include "schedule/traps.h"

#include <doctest/doctest.h>

#include "schedule/schedules.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

Texts traps_of(const Schedule& schedule) {
  return find_traps(schedule, parse_time("2026-11-24T10:00:00Z"));
}

Texts traps_of_cron(const std::string& text, const std::string& zone = "UTC") {
  return traps_of(cron(text, zone));
}

}  // namespace

TEST_SUITE("schedule::traps") {
  TEST_CASE("plain schedules have none") {
    for (const char* text :
         {"0 2 * * *", "*/15 * * * *", "0 */6 * * mon-fri", "0 0 1 * *", "30 12 * * *"}) {
      CAPTURE(text);
      CHECK(traps_of_cron(text) == Texts{});
    }
    CHECK(traps_of_cron("30 12 * * *", "Europe/Berlin") == Texts{});
    CHECK(traps_of_cron("30 * * * *", "Europe/Berlin") == Texts{});
    CHECK(traps_of(with(Interval{3h, 1h}, "Europe/Berlin")) == Texts{});
    CHECK(traps_of(with(Interval{24h, 0s})) == Texts{});
    CHECK(traps_of(with(Reboot{})) == Texts{});
  }

  TEST_CASE("both day fields") {
    CHECK(traps_of_cron("0 0 13 * fri") ==
          Texts{"day \"13\" and day_of_week \"fri\" are both set, so either is enough: for both at "
                "once use the table "
                "form, { day = \"13\", day_of_week = \"fri\" }"});
    CHECK(traps_of_cron("0 0 */2 * fri") ==
          Texts{"day \"*/2\" and day_of_week \"fri\" must both fit, as one of them begins with *"});
    CHECK(traps_of(with(parse_cron_table({{"day", "13"}, {"day_of_week", "fri"}}))) == Texts{});
  }

  TEST_CASE("steps that do not come out even") {
    CHECK(traps_of_cron("*/7 * * * *") == Texts{"minute \"*/7\" begins anew at 0, so its last step "
                                                "is only 4 long: for even steps use every"});
    CHECK(traps_of_cron("0 */5 * * *") == Texts{"hour \"*/5\" begins anew at 0, so its last step "
                                                "is only 4 long: for even steps use every"});
    CHECK(traps_of_cron("*/45 0 * * * *").size() == 1);
    CHECK(traps_of_cron("*/7,3 * * * *") == Texts{});
  }

  TEST_CASE("each minute of an hour") {
    CHECK(traps_of_cron("* 2 * * *") == Texts{"minute \"*\" with hour \"2\" runs 60 times an hour: "
                                              "for once an hour use minute \"0\""});
    CHECK(traps_of_cron("* */2 * * *") == Texts{});
  }

  TEST_CASE("numbers of weekdays in a table") {
    CHECK(traps_of(with(parse_cron_table({{"day_of_week", "0-4"}}))) ==
          Texts{"day_of_week \"0-4\" counts from Sunday, which is 0: names such as \"mon-fri\" "
                "leave no doubt"});
    CHECK(traps_of(with(parse_cron_table({{"day_of_week", "mon,fri"}}))) == Texts{});
    CHECK(traps_of(with(parse_cron_table({{"day_of_week", "mon#2,*/2"}}))) == Texts{});
  }

  TEST_CASE("changes of the clocks within a year") {
    CHECK(traps_of_cron("30 2 * * *", "Europe/Berlin") ==
          Texts{"2027-03-28: the clocks skip 02:30: its slot moves to 03:00",
                "2027-10-31: the clocks show 02:30 twice: only the first time is a slot"});
    CHECK(traps_of_cron("0 3 * * *", "Europe/Berlin") == Texts{});
    CHECK(traps_of_cron("*/30 2 * * *", "Europe/Berlin") ==
          Texts{"2027-03-28: the clocks skip 02:00: it has no slot there",
                "2027-10-31: the clocks show 02:00 twice: both times are slots"});
    CHECK(traps_of_cron("30 */2 * * *", "Europe/Berlin").size() == 2);
    CHECK(traps_of_cron("15 2 * * *", "Australia/Lord_Howe") ==
          Texts{"2027-10-03: the clocks skip 02:15: its slot moves to 02:30"});
    CHECK(traps_of_cron("0 0 * * *", "Africa/Cairo").size() == 1);
  }

  TEST_CASE("intervals that do not go evenly into a day, or are days in a zone with summer time") {
    CHECK(traps_of(with(Interval{5h, 0s})) ==
          Texts{"every 5h does not go evenly into a day: its times differ from day to day"});
    CHECK(traps_of(with(Interval{24h, 2h}, "Europe/Berlin")) ==
          Texts{"every 1d is counted in UTC: when the clocks of Europe/Berlin change, its time of "
                "day changes; for a "
                "fixed one use cron"});
    CHECK(traps_of(with(Interval{36h, 0s})) == Texts{});
  }

  TEST_CASE("an instant that the clocks skip or show twice") {
    Zones zones;
    Written written;
    written.timezone = "Europe/Berlin";
    written.at = "2027-03-28T02:30";
    CHECK(traps_of(read_schedule(written, zones)) ==
          Texts{"at: the clocks of Europe/Berlin skip 02:30: its slot moves to 03:00"});
    written.at = "2027-10-31T02:30";
    CHECK(traps_of(read_schedule(written, zones)) ==
          Texts{"at: the clocks of Europe/Berlin show 02:30 twice: the first time is meant, unless "
                "you write an offset"});
  }

  TEST_CASE("a slot that never comes") {
    const auto now = parse_time("2026-11-24T10:00:00Z");
    const auto past = with(parse_cron_table({{"year", "2025"}, {"hour", "2"}}));
    CHECK(never_again(past, now) ==
          "at 02:00 in 2025, UTC has no slot after 2026-11-24 10:00:00+00:00: correct it, or "
          "remove it");
    CHECK(never_again(with(Moment{parse_time("2026-11-24T10:00:00Z"), {}}), now));
    CHECK_FALSE(never_again(with(Moment{parse_time("2026-11-24T10:00:01Z"), {}}), now));
    auto ended = cron("0 2 * * *");
    ended.end = now;
    CHECK(never_again(ended, now));
    CHECK_FALSE(never_again(with(Reboot{}), now));
    CHECK(find_traps(past, now).front() == never_again(past, now));
  }
}

}  // namespace schedctl::schedule
