#include "schedule/cron.h"

#include <doctest/doctest.h>

#include <ctime>
#include <random>

#include "schedule/schedules.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

using Texts = std::vector<std::string>;

// In UTC, from Tuesday 2026-11-24T10:00 on unless another begin is given.
struct Case {
  const char* text;
  Texts slots;
  const char* from = "2026-11-24T10:00:00Z";
};

Texts short_slots(const Schedule& schedule, const char* from, std::size_t most) {
  auto texts = slots_from(schedule, from, most);
  for (auto& text : texts) {
    text.resize(text.size() - 6);  // +00:00
    if (text.ends_with(":00")) text.resize(text.size() - 3);
  }
  return texts;
}

std::string refusal_of(std::string_view text) {
  return refusal([&] { parse_cron(text); });
}

std::string refusal_of(const CronTable& table) {
  return refusal([&] { parse_cron_table(table); });
}

double cpu_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Reads the fields one by one, unlike cron_match.cpp, which works on months.
bool fits_plainly(const Cron& cron, sys_days date) {
  const year_month_day ymd(date);
  const unsigned day = static_cast<unsigned>(ymd.day());
  const unsigned weekday_number = weekday(date).c_encoding();
  const auto has = [](std::uint64_t set, unsigned n) { return ((set >> n) & 1) != 0; };
  const bool ends_month = year_month_day(date + days(1)).month() != ymd.month();
  const bool in_last_week = year_month_day(date + days(7)).month() != ymd.month();
  const bool by_day = has(cron.days, day) || (cron.last_day && ends_month);
  const bool by_weekday = has(cron.weekdays, weekday_number) ||
                          has(cron.nth_weekdays[(day + 6) / 7], weekday_number) ||
                          (in_last_week && has(cron.last_weekdays, weekday_number));
  return has(cron.months, static_cast<unsigned>(ymd.month())) &&
         (cron.either_day ? by_day || by_weekday : by_day && by_weekday);
}

std::string pick(std::mt19937& random, const Texts& texts) {
  return texts[random() % texts.size()];
}

}  // namespace

TEST_SUITE("schedule::cron") {
  TEST_CASE("lists, ranges, steps and names") {
    const Case cases[] = {
        {"0 2 * * *", {"2026-11-25 02:00", "2026-11-26 02:00"}},
        {"*/15 * * * *", {"2026-11-24 10:00", "2026-11-24 10:15", "2026-11-24 10:30"}},
        {"7-8,30 10 * * *",
         {"2026-11-24 10:07", "2026-11-24 10:08", "2026-11-24 10:30", "2026-11-25 10:07"}},
        {"5/25 * * * *", {"2026-11-24 10:05", "2026-11-24 10:30", "2026-11-24 10:55"}},
        {"10-30/10 10 * * *", {"2026-11-24 10:10", "2026-11-24 10:20", "2026-11-24 10:30"}},
        // Steps begin anew with each hour.
        {"*/45 * * * *", {"2026-11-24 10:00", "2026-11-24 10:45", "2026-11-24 11:00"}},
        {"*/60 */24 * * *", {"2026-11-25 00:00", "2026-11-26 00:00"}},
        {"0 0 1 jan,JUL *", {"2027-01-01 00:00", "2027-07-01 00:00", "2028-01-01 00:00"}},
        {"0 0 1 Nov-dec *", {"2026-12-01 00:00", "2027-11-01 00:00"}},
        {"0 0 * * MON-Fri",
         {"2026-11-25 00:00", "2026-11-26 00:00", "2026-11-27 00:00", "2026-11-30 00:00"}},
        {"0 0 * * fri-sun",
         {"2026-11-27 00:00", "2026-11-28 00:00", "2026-11-29 00:00", "2026-12-04 00:00"}},
        {"0 0 * * 5-7",
         {"2026-11-27 00:00", "2026-11-28 00:00", "2026-11-29 00:00", "2026-12-04 00:00"}},
        {"0 0 * * sun-tue",
         {"2026-11-29 00:00", "2026-11-30 00:00", "2026-12-01 00:00", "2026-12-06 00:00"}},
        {"0 0 * * 7", {"2026-11-29 00:00", "2026-12-06 00:00"}},
        {"0 0 * * 0", {"2026-11-29 00:00", "2026-12-06 00:00"}},
        {"0 0 * * 1-7/3", {"2026-11-26 00:00", "2026-11-29 00:00", "2026-11-30 00:00"}},
        {"0 0 * * 1-7/4", {"2026-11-27 00:00", "2026-11-30 00:00", "2026-12-04 00:00"}},
        {"00 007 * * *", {"2026-11-25 07:00"}},
        {" \t0\t2   * * * ", {"2026-11-25 02:00"}},
    };
    for (const auto& [text, slots, from] : cases) {
      CAPTURE(text);
      CHECK(short_slots(cron(text), from, slots.size()) == slots);
    }
  }

  TEST_CASE("last days, last weekdays and the n-th weekday of a month") {
    const Case cases[] = {
        {"0 0 L * *",
         {"2026-11-30 00:00", "2026-12-31 00:00", "2027-01-31 00:00", "2027-02-28 00:00"}},
        {"0 0 15,l feb *",
         {"2027-02-15 00:00", "2027-02-28 00:00", "2028-02-15 00:00", "2028-02-29 00:00"}},
        {"0 0 * * friL", {"2026-11-27 00:00", "2026-12-25 00:00", "2027-01-29 00:00"}},
        {"0 0 * * 5L", {"2026-11-27 00:00", "2026-12-25 00:00", "2027-01-29 00:00"}},
        {"0 0 * * 7l", {"2026-11-29 00:00", "2026-12-27 00:00", "2027-01-31 00:00"}},
        {"0 0 * * mon#2", {"2026-12-14 00:00", "2027-01-11 00:00", "2027-02-08 00:00"}},
        {"0 0 * * 1#5", {"2026-11-30 00:00", "2027-03-29 00:00"}},
        {"0 0 * * mon#1,monL,wed",
         {"2026-11-25 00:00", "2026-11-30 00:00", "2026-12-02 00:00", "2026-12-07 00:00",
          "2026-12-09 00:00"}},
        // Only a February of 29 days that begins with a Monday has five of them.
        {"0 0 * 2 mon#5", {"2044-02-29 00:00", "2072-02-29 00:00"}},
    };
    for (const auto& [text, slots, from] : cases) {
      CAPTURE(text);
      CHECK(short_slots(cron(text), from, slots.size()) == slots);
    }
  }

  TEST_CASE("both day fields: either fits, unless one begins with *") {
    const Case cases[] = {
        {"0 0 13 * fri",
         {"2026-11-27 00:00", "2026-12-04 00:00", "2026-12-11 00:00", "2026-12-13 00:00"}},
        {"0 0 L * fri#1", {"2026-11-30 00:00", "2026-12-04 00:00", "2026-12-31 00:00"}},
        {"0 0 */2 * mon", {"2026-12-07 00:00", "2026-12-21 00:00", "2027-01-11 00:00"}},
        {"0 0 13 * */5", {"2026-12-13 00:00", "2027-06-13 00:00"}},
        {"0 0 13 * *", {"2026-12-13 00:00", "2027-01-13 00:00"}},
    };
    for (const auto& [text, slots, from] : cases) {
      CAPTURE(text);
      CHECK(short_slots(cron(text), from, slots.size()) == slots);
    }
  }

  TEST_CASE("a sixth field in front names seconds") {
    const Case cases[] = {
        {"*/20 59 23 * * *",
         {"2026-11-24 23:59", "2026-11-24 23:59:20", "2026-11-24 23:59:40", "2026-11-25 23:59"}},
        {"30 0 12 * * sat", {"2026-11-28 12:00:30", "2026-12-05 12:00:30"}},
        {"* * * * * *", {"2026-11-24 10:00", "2026-11-24 10:00:01", "2026-11-24 10:00:02"}},
    };
    for (const auto& [text, slots, from] : cases) {
      CAPTURE(text);
      CHECK(short_slots(cron(text), from, slots.size()) == slots);
    }
  }

  TEST_CASE("words that begin with @") {
    const Case cases[] = {
        {"@hourly", {"2026-11-24 10:00", "2026-11-24 11:00"}},
        {"@daily", {"2026-11-25 00:00", "2026-11-26 00:00"}},
        {" @Midnight", {"2026-11-25 00:00", "2026-11-26 00:00"}},
        {"@weekly", {"2026-11-29 00:00", "2026-12-06 00:00"}},
        {"@monthly", {"2026-12-01 00:00", "2027-01-01 00:00"}},
        {"@yearly", {"2027-01-01 00:00", "2028-01-01 00:00"}},
        {"@annually", {"2027-01-01 00:00", "2028-01-01 00:00"}},
    };
    for (const auto& [text, slots, from] : cases) {
      CAPTURE(text);
      CHECK(short_slots(cron(text), from, slots.size()) == slots);
    }
    CHECK(is_reboot("@reboot"));
    CHECK(is_reboot(" @Reboot "));
    CHECK_FALSE(is_reboot("@daily"));
    CHECK_FALSE(is_reboot("@reboot @reboot"));
  }

  TEST_CASE("leap days, also across 2100, and weekdays on them") {
    const Case cases[] = {
        {"0 0 29 2 *", {"2028-02-29 00:00", "2032-02-29 00:00"}},
        {"0 0 29 2 *", {"2096-02-29 00:00", "2104-02-29 00:00"}, "2093-01-01T00:00:00Z"},
        {"0 0 29 2 */7",
         {"2032-02-29 00:00", "2060-02-29 00:00", "2088-02-29 00:00", "2128-02-29 00:00"}},
        {"0 0 29 2 */7", {"9976-02-29 00:00"}, "9960-01-01T00:00:00Z"},
    };
    for (const auto& [text, slots, from] : cases) {
      CAPTURE(text);
      CHECK(short_slots(cron(text), from, slots.size()) == slots);
    }
  }

  TEST_CASE("the table form: all that is named fits, what is left out below is its first value") {
    const std::pair<CronTable, Texts> cases[] = {
        {{{"day_of_week", "mon"}, {"hour", "8,20"}},
         {"2026-11-30 08:00", "2026-11-30 20:00", "2026-12-07 08:00"}},
        {{{"minute", "20"}}, {"2026-11-24 10:20", "2026-11-24 11:20"}},
        {{{"second", "*/30"}}, {"2026-11-24 10:00", "2026-11-24 10:00:30", "2026-11-24 10:01"}},
        {{{"month", "jun"}}, {"2027-06-01 00:00", "2028-06-01 00:00"}},
        {{{"day", "1-7"}, {"day_of_week", "mon"}}, {"2026-12-07 00:00", "2027-01-04 00:00"}},
        {{{"day", "last"}, {"hour", "1"}}, {"2026-11-30 01:00", "2026-12-31 01:00"}},
        {{{"week", "53"}, {"day_of_week", "thu,sun"}},
         {"2026-12-31 00:00", "2027-01-03 00:00", "2032-12-30 00:00"}},
        {{{"week", "1"}, {"day_of_week", "mon"}},
         {"2027-01-04 00:00", "2028-01-03 00:00", "2029-01-01 00:00", "2029-12-31 00:00"}},
        {{{"week", "48-49"}, {"hour", "12"}}, {"2026-11-24 12:00", "2026-11-25 12:00"}},
        {{{"year", "2027-2031/2"}, {"month", "6"}},
         {"2027-06-01 00:00", "2029-06-01 00:00", "2031-06-01 00:00"}},
        {{{"year", "*/1000"}}, {"2970-01-01 00:00", "3970-01-01 00:00"}},
        {{{"year", "2028"}, {"month", "2"}, {"day", "29"}}, {"2028-02-29 00:00"}},
    };
    for (const auto& [table, slots] : cases) {
      CAPTURE(slots[0]);
      CHECK(short_slots(with(parse_cron_table(table)), "2026-11-24T10:00:00Z", slots.size()) ==
            slots);
    }
    const auto over = with(parse_cron_table({{"year", "2026"}, {"month", "11"}}));
    CHECK(slots_from(over, "2026-11-24T10:00:00Z", 1).empty());
  }

  TEST_CASE("what is wrong is refused with its place, its value and the remedy") {
    const std::pair<const char*, const char*> cases[] = {
        {"60 * * * *", "minute (field 1, character 1): \"60\" is out of range: use 0 to 59"},
        {"0 24 * * *", "hour (field 2, character 3): \"24\" is out of range: use 0 to 23"},
        {"0 1,2-24 * * *", "hour (field 2, character 5): \"2-24\" is out of range: use 0 to 23"},
        {"0 0 0 * *",
         "day (field 3, character 5): \"0\" is out of range: use 1 to 31, or L for the last day"},
        {"0 0 * 13 *",
         "month (field 4, character 7): \"13\" is out of range: use 1 to 12 or jan to dec"},
        {"0 0 * * 8",
         "day_of_week (field 5, character 9): \"8\" is out of range: use 0 to 7 or sun to sat"},
        {"60 0 0 * * *", "second (field 1, character 1): \"60\" is out of range: use 0 to 59"},
        {"99999999999999999999 * * * *",
         "minute (field 1, character 1): \"99999999999999999999\" is out of range: use 0 to 59"},
        {"0 5-3 * * *",
         "hour (field 2, character 3): \"5-3\" runs backwards: use 3-5, or \"5-23,0-3\" to go "
         "round"},
        {"0 0 * * sat-mon",
         "day_of_week (field 5, character 9): \"sat-mon\" runs backwards: use 1-6, or \"6-6,0-1\" "
         "to go round"},
        {"0 0 * * 5-0",
         "day_of_week (field 5, character 9): \"5-0\" runs backwards: use 0-5, or \"5-6,0-0\" to "
         "go round"},
        {"0 0 * * 7-2", "day_of_week (field 5, character 9): \"7-2\" runs backwards: use 0-2"},
        {"*/0 * * * *",
         "minute (field 1, character 1): \"*/0\" has no usable step: use 1 to 60 behind /"},
        {"0 */25 * * *",
         "hour (field 2, character 3): \"*/25\" has no usable step: use 1 to 24 behind /"},
        {"*/ * * * *",
         "minute (field 1, character 1): \"*/\" has no usable step: use 1 to 60 behind /"},
        {"1,,2 * * * *",
         "minute (field 1, character 3): \"1,,2\" has an empty list item: remove a comma"},
        {"0 1, * * *",
         "hour (field 2, character 5): \"1,\" has an empty list item: remove a comma"},
        {"0 0 * foo *",
         "month (field 4, character 7): \"foo\" is no month: use 1 to 12 or jan to dec, *, a-b, or "
         "a-b/step"},
        {"-1 * * * *",
         "minute (field 1, character 1): \"-1\" is no minute: use 0 to 59, *, a-b, or a-b/step"},
        {"0 0 * * mon#6",
         "day_of_week (field 5, character 9): \"mon#6\" has no week of the month behind #: use #1 "
         "to #5, e.g. \"mon#2\""},
    };
    for (const auto& [text, why] : cases)
      CHECK(refusal_of(text) == "cron \"" + std::string(text) + "\": " + why);

    const char* const also[] = {
        "+1 * * * *",   "1.5 * * * *",   "0x1 * * * *",       "1-2-3 * * * *",    "1/2/3 * * * *",
        "** * * * *",   "*5 * * * *",    "1- * * * *",        "-2 * * * *",       "/5 * * * *",
        "jan * * * *",  "0 0 L-3 * *",   "0 0 15W * *",       "0 0 ? * *",        "0 0 LW * *",
        "0 0 1-L * *",  "0 0 * * L",     "0 0 * * mon-fri#2", "0 0 * * mon#2-3",  "0 0 * * mon#",
        "0 0 * * #2",   "0 0 * * mon#0", "0 0 * * friLL",     "0 0 * * mon-friL", "0 0 * * monday",
        "0 0 * janL *", "0 0 * * 1#22",  "\xC3\xA4 * * * *"};
    for (const char* text : also) {
      CAPTURE(text);
      CHECK(refusal_of(text).find("(field ") != std::string::npos);
    }
  }

  TEST_CASE("a text that is no expression at all is refused") {
    const std::pair<std::string, const char*> cases[] = {
        {"", "cron \"\" is empty: write e.g. \"0 2 * * *\""},
        {"  ", "cron \"  \" is empty: write e.g. \"0 2 * * *\""},
        {"0 2 * *",
         "cron \"0 2 * *\" has 4 fields: write 5, \"minute hour day month day_of_week\", or 6, "
         "seconds first"},
        {"0 0 2 * * * *",
         "cron \"0 0 2 * * * *\" has 7 fields: write 5, \"minute hour day month day_of_week\", or "
         "6, seconds first"},
        {"@dayly", "cron \"@dayly\" is unknown: did you mean \"@daily\"?"},
        {"@sometimes",
         "cron \"@sometimes\" is unknown: use @hourly, @daily, @weekly, @monthly, @yearly or "
         "@reboot"},
        {"@reboot", "cron \"@reboot\" names no time: it cannot be used here"},
        {std::string("0 2 *\n* \x1b[2J\0", 13),
         "cron \"0 2 *\\n* \\x1b[2J\\x00\" has 4 fields: write 5, \"minute hour day month "
         "day_of_week\", or 6, seconds first"},
        {std::string(200'000, '*'),
         "cron \"****************************************...\" has 200000 characters: use at most "
         "1000"},
    };
    for (const auto& [text, why] : cases) CHECK(refusal_of(text) == why);
  }

  TEST_CASE("tables are refused alike") {
    const std::pair<CronTable, const char*> cases[] = {
        {{}, "cron {} is empty: write e.g. { hour = 2 }"},
        {{{"hours", "2"}}, "cron.hours is unknown: did you mean hour?"},
        {{{"fortnight", "2"}},
         "cron.fortnight is unknown: use one of year, month, day, week, day_of_week, hour, minute, "
         "second"},
        {{{"hour", "8,24"}}, "cron.hour (character 3): \"24\" is out of range: use 0 to 23"},
        {{{"hour", ""}}, "cron.hour (character 1): is empty: use 0 to 23 or *"},
        {{{"year", "1969"}}, "cron.year (character 1): \"1969\" is out of range: use 1970 to 9999"},
        {{{"week", "54"}}, "cron.week (character 1): \"54\" is out of range: use 1 to 53"},
        {{{"hour", "1"}, {"hour", "2"}}, "cron.hour stands twice: remove one"},
        {{{"hour", std::string(5000, '1')}},
         "cron.hour \"1111111111111111111111111111111111111111...\" has 5000 characters: use at "
         "most 1000"},
    };
    for (const auto& [table, why] : cases) CHECK(refusal_of(table) == why);
  }

  TEST_CASE("dates that never come are refused within milliseconds, not searched for") {
    const double begin = cpu_milliseconds();

    CHECK(refusal_of("0 0 30 2 *") ==
          "cron \"0 0 30 2 *\": no date fits month \"2\", day \"30\": change one of them");
    CHECK(refusal_of("0 0 31 2,4,jun *") ==
          "cron \"0 0 31 2,4,jun *\": no date fits month \"2,4,jun\", day \"31\": change one of "
          "them");
    CHECK(refusal_of({{"year", "2027"}, {"month", "2"}, {"day", "29"}}) ==
          "cron \"{year = 2027, month = 2, day = 29}\": no date fits year \"2027\", month \"2\", "
          "day \"29\": change one of them");
    CHECK(refusal_of({{"week", "53"}, {"month", "6"}}) ==
          "cron \"{week = 53, month = 6}\": no date fits month \"6\", week \"53\": change one of "
          "them");
    CHECK(refusal_of({{"week", "10"}, {"day", "31"}}).find("no date fits") != std::string::npos);
    CHECK(refusal_of({{"year", "2027"}, {"week", "53"}, {"day_of_week", "mon"}})
              .find("no date fits") != std::string::npos);

    CHECK(cpu_milliseconds() - begin < 60);
  }

  TEST_CASE("the next fitting time is the one that a search day by day finds") {
    std::mt19937 random(20261124);
    const Texts minutes = {"*", "0", "*/7", "5,59", "10-20/3"},
                hours = {"*", "0", "23", "1-5", "*/6"};
    const Texts days_of_month = {"*", "1", "31", "L", "*/2", "29-31", "13,L"};
    const Texts months = {"*", "2", "jan,dec", "*/5", "2,4,6"};
    const Texts weekdays = {"*", "sun", "mon-fri", "fri#5", "sunL", "*/3", "tue#1,6"};
    int compared = 0;
    while (compared < 2000) {
      const auto text = pick(random, minutes) + " " + pick(random, hours) + " " +
                        pick(random, days_of_month) + " " + pick(random, months) + " " +
                        pick(random, weekdays);
      if (!refusal_of(text).empty()) continue;
      const auto cron = parse_cron(text);
      const sys_days today = sys_days(2019y / 1 / 1) + days(random() % 7000);
      auto date = today;
      while (!fits_plainly(cron, date)) date += days(1);

      // From the last second of a day that fits on, the next one that does is to be found.
      const auto found = next_fitting(cron, local_seconds(today.time_since_epoch()));

      CAPTURE(text);
      REQUIRE(found);
      CHECK(floor<days>(*found).time_since_epoch() == date.time_since_epoch());
      const auto clock = hh_mm_ss(*found - floor<days>(*found));
      CHECK(clock.hours().count() == std::countr_zero(cron.hours));
      CHECK(clock.minutes().count() == std::countr_zero(cron.minutes));
      ++compared;
    }
  }
}

}  // namespace schedctl::schedule
