#include <doctest/doctest.h>

#include "schedule/schedules.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

Schedule read(const Written& written) {
  Zones zones;
  return read_schedule(written, zones);
}

std::string refusal_of(const Written& written) {
  return refusal([&] { read(written); });
}

Written at(const std::string& text, const std::string& zone = "Europe/Berlin") {
  Written written;
  written.at = text;
  written.timezone = zone;
  return written;
}

Written cron_key(const std::string& text) {
  Written written;
  written.cron = text;
  return written;
}

Written every_key(Duration every) {
  Written written;
  written.every = every;
  return written;
}

}  // namespace

TEST_SUITE("schedule::read") {
  TEST_CASE("each way to write a schedule") {
    auto written = cron_key("0 2 * * *");
    written.timezone = "Europe/Berlin";
    CHECK(slots_from(read(written), "2026-11-24T00:00:00Z", 1) ==
          Texts{"2026-11-24 02:00:00+01:00"});

    written.cron.reset();
    written.table = CronTable{{"hour", "3"}};
    CHECK(slots_from(read(written), "2026-11-24T00:00:00Z", 1) ==
          Texts{"2026-11-24 03:00:00+01:00"});

    written = every_key(3h);
    written.offset = 1h;
    written.timezone = "UTC";
    CHECK(slots_from(read(written), "2026-11-24T00:00:00Z", 1) ==
          Texts{"2026-11-24 01:00:00+00:00"});

    CHECK(std::holds_alternative<Reboot>(read(cron_key(" @REBOOT")).when));
    CHECK(read(cron_key("@daily")).zone.name() == Zones().system_zone().name());
  }

  TEST_CASE("an instant without an offset is in the definition's zone") {
    const std::pair<const char*, const char*> cases[] = {
        {"2027-01-01T09:00:00Z", "2027-01-01 10:00:00+01:00"},
        {"2027-01-01T09:00:00+05:30", "2027-01-01 04:30:00+01:00"},
        {"2027-01-01T09:00:00-08:00", "2027-01-01 18:00:00+01:00"},
        {"2027-01-01T09:00:00", "2027-01-01 09:00:00+01:00"},
        {"2027-01-01 09:00", "2027-01-01 09:00:00+01:00"},
        {"2027-01-01", "2027-01-01 00:00:00+01:00"},
        {"2026-03-29T02:30:00", "2026-03-29 03:00:00+02:00 gap"},
        {"2026-10-25T02:30:00", "2026-10-25 02:30:00+02:00 fold"},
        {"2026-10-25T02:30:00+01:00", "2026-10-25 02:30:00+01:00"},
    };
    for (const auto& [text, slot] : cases) {
      CAPTURE(text);
      CHECK(slots_from(read(at(text)), "2026-01-01T00:00:00Z", 9) == Texts{slot});
    }
    const auto fraction = read(at("2027-01-01T09:00:00.5"));
    CHECK(format_utc(next_slot(fraction, slots_begin)->utc) == "2027-01-01T08:00:00.500000Z");
  }

  TEST_CASE("start and end, in the definition's zone") {
    auto written = cron_key("0 0 * * *");
    written.timezone = "Europe/Berlin";
    written.start = "2027-01-01";
    written.end = "2027-01-03";
    CHECK(slots_from(read(written), "2026-01-01T00:00:00Z", 9) ==
          Texts{"2027-01-01 00:00:00+01:00", "2027-01-02 00:00:00+01:00"});
  }

  TEST_CASE("what does not fit together is refused") {
    CHECK(refusal_of({}) ==
          "no schedule: write cron = \"0 2 * * *\", every = \"3h\" or at = a time");
    auto both = cron_key("0 2 * * *");
    both.every = 3h;
    CHECK(refusal_of(both) == "cron, every and at exclude each other: remove all but one");
    auto shifted = cron_key("0 2 * * *");
    shifted.offset = 1h;
    CHECK(refusal_of(shifted) ==
          "offset shifts an interval: write every = \"3h\" beside it, or remove it");
    auto backwards = every_key(3h);
    backwards.start = "2027-01-01T00:00:00Z";
    backwards.end = "2027-01-01T00:00:00Z";
    CHECK(refusal_of(backwards) ==
          "end \"2027-01-01T00:00:00Z\" is not later than start: correct one of them");
  }

  TEST_CASE("values that cannot be are refused with the key") {
    CHECK(refusal_of(every_key(0s)) == "every \"0s\" is too short: use \"1s\" or more");
    CHECK(refusal_of(every_key(999ms)) == "every \"999ms\" is too short: use \"1s\" or more");
    CHECK(refusal_of(every_key(-3h)) == "every \"-3h\" is too short: use \"1s\" or more");
    auto negative = every_key(3h);
    negative.offset = -1h;
    CHECK(refusal_of(negative) == "offset \"-1h\" is negative: use \"0s\" or more");
    CHECK(refusal_of(at("2027-01-01", "Europe/Berlni")) ==
          "timezone \"Europe/Berlni\" is unknown: did you mean \"Europe/Berlin\"?");
    const auto remedy =
        "\" is no time: use e.g. \"2027-01-01T09:00:00\" in the definition's zone, or "
        "\"2027-01-01T09:00:00Z\"";
    for (const char* text : {"", "tomorrow", "2027-02-29", "2027-01-01T24:00:00",
                             "2016-12-31T23:59:60Z", "2027-01-01T09", "1767225600",
                             "2027-01-01T09:00:00+99:00", "2027-01-01T09:00:00 Europe/Berlin"})
      CHECK(refusal_of(at(text)) == "at \"" + std::string(text) + remedy);
    for (const char* text :
         {"1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "290000-01-01T00:00:00Z"})
      CHECK(refusal_of(at(text)) ==
            "at \"" + std::string(text) + "\" is out of range: use the years 1970 to 9999");
  }
}

}  // namespace schedctl::schedule
