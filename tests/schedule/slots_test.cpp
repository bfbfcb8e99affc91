#include <doctest/doctest.h>

#include <ctime>

#include "schedule/schedules.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

struct Case {
  const char* zone;
  const char* text;
  const char* from;
  Texts slots;
};

void check(const std::vector<Case>& cases) {
  for (const auto& [zone, text, from, slots] : cases) {
    CAPTURE(zone);
    CAPTURE(text);
    CHECK(slots_from(cron(text, zone), from, slots.size()) == slots);
  }
}

Schedule every(Duration interval, Duration offset = 0s) { return with(Interval{interval, offset}); }

double cpu_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

}  // namespace

TEST_SUITE("schedule::slots") {
  TEST_CASE("a fixed time that the clocks skip has one slot, right after the gap") {
    check({
        {"Europe/Berlin",
         "30 2 * * *",
         "2026-03-28T00:00:00Z",
         {"2026-03-28 02:30:00+01:00", "2026-03-29 03:00:00+02:00 gap",
          "2026-03-30 02:30:00+02:00"}},
        // Several that fall together are one slot, and not a displaced one if its own time fits.
        {"Europe/Berlin",
         "0,20,40 2 * * *",
         "2026-03-28T12:00:00Z",
         {"2026-03-29 03:00:00+02:00 gap", "2026-03-30 02:00:00+02:00"}},
        {"Europe/Berlin",
         "0,30 2,3 * * *",
         "2026-03-28T12:00:00Z",
         {"2026-03-29 03:00:00+02:00", "2026-03-29 03:30:00+02:00", "2026-03-30 02:00:00+02:00"}},
        {"Europe/Berlin",
         "15 30 2 29 3 *",
         "2026-03-28T12:00:00Z",
         {"2026-03-29 03:00:00+02:00 gap", "2027-03-29 02:30:15+02:00"}},
        // Half an hour.
        {"Australia/Lord_Howe",
         "15 2 * * *",
         "2026-10-03T12:00:00Z",
         {"2026-10-04 02:30:00+11:00 gap", "2026-10-05 02:15:00+11:00"}},
        // At midnight.
        {"America/Sao_Paulo",
         "0 0 * * *",
         "2018-11-03T12:00:00Z",
         {"2018-11-04 01:00:00-02:00 gap", "2018-11-05 00:00:00-02:00"}},
        {"Africa/Cairo", "0 0 * * fri", "2023-04-27T12:00:00Z", {"2023-04-28 01:00:00+03:00 gap"}},
        {"Asia/Beirut", "15 0 * * *", "2022-03-26T12:00:00Z", {"2022-03-27 01:00:00+03:00 gap"}},
        // Winter time as the exception.
        {"Europe/Dublin", "30 1 * * *", "2026-03-28T12:00:00Z", {"2026-03-29 02:00:00+01:00 gap"}},
        // A whole day.
        {"Pacific/Apia",
         "0 12 * * *",
         "2011-12-29T12:00:00Z",
         {"2011-12-29 12:00:00-10:00", "2011-12-31 00:00:00+14:00 gap",
          "2011-12-31 12:00:00+14:00"}},
        {"Pacific/Apia",
         "0 12 30 12 *",
         "2011-12-29T12:00:00Z",
         {"2011-12-31 00:00:00+14:00 gap", "2012-12-30 12:00:00+14:00"}},
        // By the rule behind the listed transitions.
        {"Europe/Berlin", "30 2 28 3 *", "2038-01-01T00:00:00Z", {"2038-03-28 03:00:00+02:00 gap"}},
        {"Europe/Berlin", "30 2 28 3 *", "2100-01-01T00:00:00Z", {"2100-03-28 03:00:00+02:00 gap"}},
    });
  }

  TEST_CASE("a fixed time that the clocks show twice has one slot, the first time") {
    check({
        {"Europe/Berlin",
         "30 2 * * *",
         "2026-10-24T12:00:00Z",
         {"2026-10-25 02:30:00+02:00 fold", "2026-10-26 02:30:00+01:00"}},
        {"Europe/Berlin",
         "0 3 * * *",
         "2026-10-24T12:00:00Z",
         {"2026-10-25 03:00:00+01:00", "2026-10-26 03:00:00+01:00"}},
        {"Europe/Berlin",
         "0,30 2,3 * * *",
         "2026-10-24T12:00:00Z",
         {"2026-10-25 02:00:00+02:00 fold", "2026-10-25 02:30:00+02:00 fold",
          "2026-10-25 03:00:00+01:00", "2026-10-25 03:30:00+01:00"}},
        {"Australia/Lord_Howe",
         "45 1 * * *",
         "2026-04-04T12:00:00Z",
         {"2026-04-05 01:45:00+11:00 fold", "2026-04-06 01:45:00+10:30"}},
        {"America/Sao_Paulo",
         "30 23 * * *",
         "2018-02-17T12:00:00Z",
         {"2018-02-17 23:30:00-02:00 fold", "2018-02-18 23:30:00-03:00"}},
        {"Europe/Dublin",
         "30 1 * * *",
         "2026-10-24T12:00:00Z",
         {"2026-10-25 01:30:00+01:00 fold", "2026-10-26 01:30:00+00:00"}},
        // By the rule behind the listed transitions.
        {"America/New_York",
         "30 1 * * *",
         "2099-10-31T12:00:00Z",
         {"2099-11-01 01:30:00-04:00 fold", "2099-11-02 01:30:00-05:00"}},
    });
  }

  TEST_CASE("asked again between the two showings, the fixed time has no second slot") {
    const auto schedule = cron("30 2 * * *", "Europe/Berlin");
    for (const char* after :
         {"2026-10-25T00:30:00Z", "2026-10-25T00:59:59.999999Z", "2026-10-25T01:00:00Z",
          "2026-10-25T01:29:59Z", "2026-10-25T01:30:00Z"}) {
      const auto slot = next_slot(schedule, parse_time(after));
      REQUIRE(slot);
      CHECK(format_utc(slot->utc) == "2026-10-26T01:30:00Z");
    }
  }

  TEST_CASE("a minute or hour that begins with * follows the clocks") {
    check({
        {"Europe/Berlin",
         "30 * * * *",
         "2026-03-29T00:00:00Z",
         {"2026-03-29 01:30:00+01:00", "2026-03-29 03:30:00+02:00"}},
        {"Europe/Berlin",
         "30 * * * *",
         "2026-10-25T00:00:00Z",
         {"2026-10-25 02:30:00+02:00 fold", "2026-10-25 02:30:00+01:00 fold",
          "2026-10-25 03:30:00+01:00"}},
        {"Europe/Berlin",
         "0 */2 * * *",
         "2026-03-28T23:00:00Z",
         {"2026-03-29 00:00:00+01:00", "2026-03-29 04:00:00+02:00"}},
        {"Europe/Berlin", "*/30 2 * * *", "2026-03-28T12:00:00Z", {"2026-03-30 02:00:00+02:00"}},
        {"Europe/Berlin",
         "*/30 2 * * *",
         "2026-10-24T12:00:00Z",
         {"2026-10-25 02:00:00+02:00 fold", "2026-10-25 02:30:00+02:00 fold",
          "2026-10-25 02:00:00+01:00 fold", "2026-10-25 02:30:00+01:00 fold"}},
        {"Australia/Lord_Howe",
         "*/15 * * * *",
         "2026-04-04T14:30:00Z",
         {"2026-04-05 01:30:00+11:00 fold", "2026-04-05 01:45:00+11:00 fold",
          "2026-04-05 01:30:00+10:30 fold", "2026-04-05 01:45:00+10:30 fold",
          "2026-04-05 02:00:00+10:30"}},
        {"Pacific/Apia",
         "0 */12 * * *",
         "2011-12-29T20:00:00Z",
         {"2011-12-29 12:00:00-10:00", "2011-12-31 00:00:00+14:00"}},
        // Hours that are all listed are as fixed as any.
        {"Europe/Berlin",
         "30 0-23 * * *",
         "2026-10-25T00:00:00Z",
         {"2026-10-25 02:30:00+02:00 fold", "2026-10-25 03:30:00+01:00"}},
    });
    // In a gap of every year that has one, and nowhere else: there is no slot at all.
    auto table = parse_cron_table(
        {{"year", "2026"}, {"month", "3"}, {"day", "29"}, {"hour", "2"}, {"minute", "*"}});
    CHECK_FALSE(next_slot(with(table, "Europe/Berlin"), parse_time("2026-01-01T00:00:00Z")));
  }

  TEST_CASE("slots come later and later, whatever the fraction of a second") {
    const auto schedule = cron("*/20 * * * * *", "Europe/Berlin");
    const auto next = [&](const char* after) {
      return format_utc(next_slot(schedule, parse_time(after))->utc);
    };
    CHECK(next("2026-11-24T10:00:00Z") == "2026-11-24T10:00:20Z");
    CHECK(next("2026-11-24T10:00:00.000001Z") == "2026-11-24T10:00:20Z");
    CHECK(next("2026-11-24T09:59:59.999999Z") == "2026-11-24T10:00:00Z");
  }

  TEST_CASE("an interval stays on its grid in UTC") {
    const Texts three_hours = {"2026-11-24 10:00:00+00:00", "2026-11-24 13:00:00+00:00"};
    CHECK(slots_from(every(3h, 1h), "2026-11-24T10:00:00Z", 2) == three_hours);
    CHECK(slots_from(every(3h, 1h), "2026-11-24T07:00:01Z", 2) == three_hours);
    CHECK(slots_from(every(10s), "2026-11-24T10:00:03.5Z", 2) ==
          Texts{"2026-11-24 10:00:10+00:00", "2026-11-24 10:00:20+00:00"});
    const auto half = next_slot(every(1500ms), parse_time("2026-11-24T10:00:00Z"));
    CHECK(format_utc(half->utc) == "2026-11-24T10:00:01.500000Z");

    auto berlin = every(24h);
    berlin.zone = Zones().find("Europe/Berlin");
    CHECK(slots_from(berlin, "2026-10-24T00:00:00Z", 2) ==
          Texts{"2026-10-24 02:00:00+02:00", "2026-10-25 02:00:00+02:00"});
    CHECK(slots_from(berlin, "2026-10-26T00:00:00Z", 1) == Texts{"2026-10-26 01:00:00+01:00"});
  }

  TEST_CASE("an interval with a start counts from there") {
    auto schedule = every(1h, 5min);
    schedule.start = parse_time("2026-11-24T10:07:00Z");
    CHECK(slots_from(schedule, "2020-01-01T00:00:00Z", 2) ==
          Texts{"2026-11-24 10:12:00+00:00", "2026-11-24 11:12:00+00:00"});
  }

  TEST_CASE("no slot before start, none at or after end") {
    auto schedule = cron("0 * * * *");
    schedule.start = parse_time("2026-11-24T10:00:00Z");
    schedule.end = parse_time("2026-11-24T12:00:00Z");
    const Texts both = {"2026-11-24 10:00:00+00:00", "2026-11-24 11:00:00+00:00"};
    CHECK(slots_from(schedule, "2020-01-01T00:00:00Z", 9) == both);
    schedule.start = parse_time("2026-11-24T09:00:00.000001Z");
    schedule.end = parse_time("2026-11-24T11:00:00.000001Z");
    CHECK(slots_from(schedule, "2020-01-01T00:00:00Z", 9) == both);
    CHECK_FALSE(next_slot(schedule, Time::max()));
    CHECK(next_slot(schedule, Time::min()));
  }

  TEST_CASE("one instant is one slot; a start of the host is none") {
    const auto once = with(Moment{parse_time("2027-01-01T09:00:00.25Z"), {}});
    CHECK(format_utc(next_slot(once, parse_time("2027-01-01T09:00:00Z"))->utc) ==
          "2027-01-01T09:00:00.250000Z");
    CHECK_FALSE(next_slot(once, parse_time("2027-01-01T09:00:00.25Z")));
    CHECK_FALSE(next_slot(with(Reboot{}), parse_time("2027-01-01T09:00:00Z")));
  }

  TEST_CASE("slots between two instants: the first counts, the last does not") {
    const auto schedule = cron("*/15 * * * *");
    const auto from = parse_time("2026-11-24T10:00:00Z"), to = parse_time("2026-11-24T10:45:00Z");
    CHECK(slots_between(schedule, from, to, 100).size() == 3);
    CHECK(slots_between(schedule, from, to, 2).size() == 2);
    CHECK(slots_between(schedule, from, from, 100).empty());
    CHECK(slots_between(schedule, to, from, 100).empty());
    CHECK(slots_between(schedule, Time::min(), Time::max(), 3)[0].utc == slots_begin);
  }

  TEST_CASE("up to the year 9999 and no further") {
    const auto schedule = cron("0 0 31 12 *", "Europe/Berlin");
    CHECK(slots_from(schedule, "9998-06-01T00:00:00Z", 9) ==
          Texts{"9998-12-31 00:00:00+01:00", "9999-12-31 00:00:00+01:00"});
    CHECK_FALSE(next_slot(schedule, parse_time("200000-01-01T00:00:00Z")));
    CHECK(slots_from(cron("59 23 31 12 *", "America/New_York"), "9999-06-01T00:00:00Z", 9).empty());
    CHECK(slots_from(every(1000h), "9999-12-01T00:00:00Z", 9).size() == 1);
  }

  TEST_CASE("the next slot is found fast, however rare it is") {
    const std::pair<const char*, int> cases[] = {{"0 0 29 2 */7", 100},
                                                 {"* * 29 2 */7", 100},
                                                 {"0 0 * 2 mon#5", 100},
                                                 {"*/5 * * * *", 1000},
                                                 {"30 2 * * *", 1000}};
    for (const auto& [text, times] : cases) {
      const auto schedule = cron(text, "Europe/Berlin");
      auto after = parse_time("2089-01-01T00:00:00Z");
      const double begin = cpu_milliseconds();
      for (int i = 0; i < times; ++i) REQUIRE(next_slot(schedule, after + std::chrono::minutes(i)));
      const double each = (cpu_milliseconds() - begin) / times;
      CAPTURE(text);
      CHECK(each < 2);
    }
    auto table = parse_cron_table({{"year", "9990"}, {"minute", "*"}});
    const double begin = cpu_milliseconds();
    CHECK(next_slot(with(table, "Europe/Berlin"), parse_time("2026-01-01T00:00:00Z")));
    CHECK(cpu_milliseconds() - begin < 10);
  }
}

}  // namespace schedctl::schedule
