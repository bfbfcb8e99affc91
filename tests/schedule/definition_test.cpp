#include "schedule/definition.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "schedule/schedules.h"
#include "support/config_folder.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

const std::string head = "[job.news]\nhandler = \"noop\"\n";

// The message for a definition with these keys, without the folder; empty when there is none.
template <typename Action>
std::string error_of(const test::ConfigFolder& folder, Action&& action) {
  try {
    action();
    return "";
  } catch (const ConfigError& error) {
    return std::string(error.what()).substr(folder.path().size() + 1);
  }
}

std::string reading_error(const std::string& keys) {
  const test::ConfigFolder folder;
  const auto config = folder.load(head + keys);
  return error_of(folder, [&] {
    Zones zones;
    read_schedule(config.definitions.at("news"), zones);
  });
}

std::string checking_error(const std::string& keys) {
  const test::ConfigFolder folder;
  const auto config = folder.load(head + keys);
  return error_of(folder, [&] { check_schedules(config.definitions); });
}

Texts slots(const std::string& keys, const char* from, std::size_t most) {
  const test::ConfigFolder folder;
  const auto config = folder.load(head + keys);
  Zones zones;
  return slots_from(read_schedule(config.definitions.at("news"), zones), from, most);
}

config::Definition jittered(const std::string& name, Duration jitter) {
  config::Definition definition;
  definition.name = name;
  definition.jitter = jitter;
  return definition;
}

}  // namespace

TEST_SUITE("schedule::definition") {
  TEST_CASE("each way to write a schedule in the file has its slots") {
    CHECK(slots("cron = \"0 2 * * *\"\ntimezone = \"Europe/Berlin\"\n", "2026-11-24T00:00:00Z",
                1) == Texts{"2026-11-24 02:00:00+01:00"});
    CHECK(
        slots("cron = { day_of_week = \"mon\", hour = 8, minute = \"0,30\" }\ntimezone = \"UTC\"\n",
              "2026-11-24T00:00:00Z",
              2) == Texts{"2026-11-30 08:00:00+00:00", "2026-11-30 08:30:00+00:00"});
    CHECK(slots("every = \"3h\"\noffset = \"1h\"\nstart = 2026-11-24\nend = 2026-11-24T07:00:00\n"
                "timezone = \"UTC\"\n",
                "2026-11-01T00:00:00Z",
                9) == Texts{"2026-11-24 01:00:00+00:00", "2026-11-24 04:00:00+00:00"});
  }

  TEST_CASE("native dates and times of TOML are read like the strings that say the same") {
    const std::pair<const char*, const char*> cases[] = {
        {"2027-01-01T09:00:00Z", "2027-01-01 10:00:00+01:00"},
        {"2027-01-01T09:00:00-05:30", "2027-01-01 15:30:00+01:00"},
        {"2027-01-01T09:00:00", "2027-01-01 09:00:00+01:00"},
        {"2027-01-01 09:00:00", "2027-01-01 09:00:00+01:00"},
        {"2027-01-01", "2027-01-01 00:00:00+01:00"},
        {"2026-03-29T02:30:00", "2026-03-29 03:00:00+02:00 gap"},
        {"2040-07-01T12:00:00", "2040-07-01 12:00:00+02:00"},
    };
    for (const auto& [text, slot] : cases) {
      CAPTURE(text);
      const auto zone = std::string("\ntimezone = \"Europe/Berlin\"\n");
      CHECK(slots("at = " + std::string(text) + zone, "2026-01-01T00:00:00Z", 2) == Texts{slot});
      CHECK(slots("at = \"" + std::string(text) + "\"" + zone, "2026-01-01T00:00:00Z", 2) ==
            Texts{slot});
    }
  }

  TEST_CASE("what is wrong with a schedule is refused with file, line, key, value and remedy") {
    const std::pair<const char*, const char*> cases[] = {
        {"cron = \"60 * * * *\"\n",
         "schedctl.toml:3: job.news.cron: \"60 * * * *\": minute (field 1, character 1): \"60\" is "
         "out of range: use 0 to 59"},
        {"cron = \"0 0 30 2 *\"\n",
         "schedctl.toml:3: job.news.cron: \"0 0 30 2 *\": no date fits month \"2\", day \"30\": "
         "change one of them"},
        {"cron = \"0 2 * *\"\n", "schedctl.toml:3: job.news.cron: \"0 2 * *\" has 4 fields: write"},
        {"cron = \"@dayly\"\n", "schedctl.toml:3: job.news.cron: \"@dayly\" is unknown: did you"},
        {"cron = {}\n", "schedctl.toml:3: job.news.cron: {} is empty: write e.g. { hour = 2 }"},
        {"cron = { hours = 2 }\n",
         "schedctl.toml:3: job.news.cron.hours: is unknown: did you mean hour?"},
        {"cron = { hour = 24 }\n",
         "schedctl.toml:3: job.news.cron.hour: (character 1): \"24\" is out of range: use 0 to 23"},
        {"at = 09:00:00\n", "schedctl.toml:3: job.news.at: \"09:00:00\" is no time: use e.g. "},
        {"at = \"soon\"\n", "schedctl.toml:3: job.news.at: \"soon\" is no time: use e.g. "},
        {"at = \"2016-12-31T23:59:60Z\"\n", "schedctl.toml:3: job.news.at: \"2016-12-31T23:59:60Z"},
        {"every = \"3h\"\nstart = 1969-12-31\n",
         "schedctl.toml:4: job.news.start: \"1969-12-31\" is out of range: use the years 1970"},
        {"every = \"3h\"\n\nend = 2026-01-01\nstart = 2026-01-01\n",
         "schedctl.toml:5: job.news.end: \"2026-01-01\" is not later than start: correct one"},
    };
    for (const auto& [keys, message] : cases) {
      CAPTURE(message);
      CHECK(reading_error(keys).starts_with(message));
      CHECK(checking_error(keys).starts_with(message));
    }
  }

  TEST_CASE("an unknown zone is refused by what needs it, not by the check of all schedules") {
    const auto keys = "cron = \"0 2 * * *\"\ntimezone = \"Europe/Berlni\"\n";

    CHECK(reading_error(keys) ==
          "schedctl.toml:4: job.news.timezone: \"Europe/Berlni\" is unknown: did you mean "
          "\"Europe/Berlin\"?");
    CHECK(checking_error(keys) == "");
  }

  TEST_CASE("jitter spreads definitions evenly, and each by the same time everywhere") {
    std::set<Duration> delays;
    int early = 0;
    for (int i = 0; i < 1000; ++i) {
      const auto delay = delay_of(jittered("definition-" + std::to_string(i), 10min));
      CHECK(delay >= 0s);
      CHECK(delay < 10min);
      delays.insert(delay);
      if (delay < 5min) ++early;
    }

    CHECK(delays.size() > 990);
    CHECK(early > 430);
    CHECK(early < 570);
    CHECK(delay_of(jittered("news", 0s)) == 0s);
    // Jobs of two versions of this program must not differ.
    CHECK(delay_of(jittered("news", 1h)) == 1'863'983ms);
  }
}

}  // namespace schedctl::schedule
