#include "schedule/zone.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "schedule/refusal.h"
#include "schedule/zones.h"
#include "support/process.h"
#include "util/clock.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string berlin() { return read_file("/usr/share/zoneinfo/Europe/Berlin"); }

// A root folder with a small zone database.
class Root {
 public:
  Root() {
    std::filesystem::create_directories(dir_ / "usr/share/zoneinfo/Europe");
    std::filesystem::create_directories(dir_ / "etc");
    write("usr/share/zoneinfo/Europe/Berlin", berlin());
  }
  void write(const std::string& name, const std::string& content) { dir_.write(name, content); }
  void link_localtime(const std::string& target) {
    std::filesystem::create_symlink(target, dir_ / "etc/localtime");
  }
  Zones zones() const { return Zones(dir_.path()); }

 private:
  test::TempDir dir_;
};

std::string refusal_of(Zones zones, const std::string& name) {
  return refusal([&] { zones.find(name); });
}

std::string big_endian(std::int64_t number, int width) {
  std::string bytes;
  for (int i = width - 1; i >= 0; --i) bytes += static_cast<char>(number >> (8 * i));
  return bytes;
}

struct ZoneFile {
  std::vector<std::int64_t> instants = {0, 100};
  std::vector<int> types = {1, 0};
  std::vector<int> offsets = {0, 3600};
  std::string footer = "\nCET-1\n";
  std::string bytes() const;
};

// With an empty part for version 1.
std::string ZoneFile::bytes() const {
  const auto header = [](std::size_t times, std::size_t offset_count, int name_bytes) {
    return "TZif2" + std::string(15, '\0') + std::string(12, '\0') +
           big_endian(static_cast<std::int64_t>(times), 4) +
           big_endian(static_cast<std::int64_t>(offset_count), 4) + big_endian(name_bytes, 4);
  };
  std::string text = header(0, 0, 0) + header(instants.size(), offsets.size(), 4);
  for (const auto instant : instants) text += big_endian(instant, 8);
  for (const auto type : types) text += static_cast<char>(type);
  for (const auto offset : offsets) text += big_endian(offset, 4) + std::string(2, '\0');
  return text + std::string("ABC\0", 4) + footer;
}

std::string refusal_of_file(const std::string& bytes) {
  return refusal([&] { parse_zone_file(bytes); });
}

}  // namespace

TEST_SUITE("schedule::zone") {
  TEST_CASE("offsets before, between and long after the listed transitions") {
    const std::pair<const char*, std::vector<std::pair<const char*, int>>> cases[] = {
        {"Europe/Berlin",
         {{"1890-01-01T00:00:00Z", 3208},
          {"1970-01-01T00:00:00Z", 3600},
          {"2026-03-29T00:59:59Z", 3600},
          {"2026-03-29T01:00:00Z", 7200},
          {"2037-10-25T01:00:00Z", 3600},
          {"2038-03-28T01:00:00Z", 7200},
          {"2100-03-28T00:59:59Z", 3600},
          {"2100-03-28T01:00:00Z", 7200},
          {"9999-07-01T00:00:00Z", 7200}}},
        // Its winter time is the exception, one hour back.
        {"Europe/Dublin", {{"2026-01-01T00:00:00Z", 0}, {"2050-07-01T00:00:00Z", 3600}}},
        {"Australia/Lord_Howe", {{"2026-01-01T00:00:00Z", 39600}, {"2060-07-01T00:00:00Z", 37800}}},
        {"America/Nuuk", {{"2050-01-01T00:00:00Z", -7200}, {"2050-07-01T00:00:00Z", -3600}}},
        {"Asia/Kathmandu", {{"2090-01-01T00:00:00Z", 20700}}},
        {"Etc/GMT+12", {{"2026-01-01T00:00:00Z", -43200}}},
        {"UTC", {{"2026-01-01T00:00:00Z", 0}}}};
    Zones zones;
    for (const auto& [name, offsets] : cases)
      for (const auto& [at, offset] : offsets) {
        CAPTURE(name);
        CAPTURE(at);
        const auto instant = floor<seconds>(parse_time(at));
        const auto period = zones.find(name).period(instant);
        CHECK(period.offset.count() == offset);
        CHECK(period.begin <= instant);
        CHECK(period.end > instant);
      }
  }

  TEST_CASE("rules behind the last transition, in each of their forms") {
    const std::pair<const char*, std::array<std::pair<const char*, int>, 2>> cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3",
         {{{"2027-03-28T01:00:00Z", 7200}, {"2027-10-31T01:00:00Z", 3600}}}},
        {"EST5EDT,M3.2.0,M11.1.0",
         {{{"2027-03-14T07:00:00Z", -14400}, {"2027-11-07T06:00:00Z", -18000}}}},
        {"IST-1GMT0,M10.5.0,M3.5.0/1",
         {{{"2027-03-28T01:00:00Z", 3600}, {"2027-10-31T01:00:00Z", 0}}}},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
         {{{"2027-04-03T15:00:00Z", 37800}, {"2027-10-02T15:30:00Z", 39600}}}},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
         {{{"2027-03-28T01:00:00Z", -3600}, {"2027-10-31T01:00:00Z", -7200}}}},
        {"EET-2EEST,M3.4.4/50,M10.4.4/50",
         {{{"2027-03-27T00:00:00Z", 10800}, {"2027-10-29T23:00:00Z", 7200}}}},
        {"AAA3BBB,J60/0,J300",
         {{{"2027-03-01T03:00:00Z", -7200}, {"2027-10-27T04:00:00Z", -10800}}}},
        {"AAA3BBB,59/0,299", {{{"2027-03-01T03:00:00Z", -7200}, {"2027-10-27T04:00:00Z", -10800}}}},
    };
    for (const auto& [text, expected] : cases) {
      CAPTURE(text);
      const auto changes = changes_in(parse_posix_rule(text), 2027y);
      for (std::size_t i = 0; i < 2; ++i) {
        CHECK(format_utc(changes[i].at) == expected[i].first);
        CHECK(changes[i].offset.count() == expected[i].second);
      }
    }
    // With J day 59 is always February 28 and day 60 March 1, without it they count from 0.
    CHECK(format_utc(changes_in(parse_posix_rule("AAA0BBB,J59/0,J300"), 2028y)[0].at) ==
          "2028-02-28T00:00:00Z");
    CHECK(format_utc(changes_in(parse_posix_rule("AAA0BBB,J60/0,J300"), 2028y)[0].at) ==
          "2028-03-01T00:00:00Z");
    CHECK(format_utc(changes_in(parse_posix_rule("AAA0BBB,59/0,300"), 2028y)[0].at) ==
          "2028-02-29T00:00:00Z");
  }

  TEST_CASE("summer time all year round") {
    ZoneRules rules;
    rules.rule = parse_posix_rule("XXX3EDT4,0/0,J365/23");
    for (const char* at : {"2027-01-01T02:59:59Z", "2027-01-01T03:00:00Z", "2027-07-01T00:00:00Z",
                           "2028-12-31T23:00:00Z"})
      CHECK(period_at(rules, floor<seconds>(parse_time(at))).offset == -4h);
  }

  TEST_CASE("texts that are no rule are refused") {
    for (const char* text :
         {"", "C", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-25",
          "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
          "CET-1CEST,J0,J365", "CET-1CEST,J1,J366", "CET-1CEST,0,366", "CET-1CEST,0/168,J365",
          "<CET-1", "CET-1:60", ":Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3\n"}) {
      CAPTURE(text);
      CHECK_FALSE(refusal([&] { parse_posix_rule(text); }).empty());
    }
  }

  TEST_CASE("the first showing of a time, the latest shown, and repeated times") {
    const Zone zone = Zones().find("Europe/Berlin");
    const auto local = [](const char* text) {
      return LocalTime(floor<seconds>(parse_time(text)).time_since_epoch());
    };
    const auto utc = [](const char* text) { return floor<seconds>(parse_time(text)); };

    CHECK(zone.first_showing(local("2026-07-01T12:00:00Z")) == utc("2026-07-01T10:00:00Z"));
    CHECK(zone.first_showing(local("2026-03-29T02:30:00Z")) == utc("2026-03-29T01:00:00Z"));
    CHECK(zone.first_showing(local("2026-03-29T03:00:00Z")) == utc("2026-03-29T01:00:00Z"));
    CHECK(zone.first_showing(local("2026-10-25T02:30:00Z")) == utc("2026-10-25T00:30:00Z"));
    CHECK(zone.first_showing(local("2026-10-25T03:00:00Z")) == utc("2026-10-25T02:00:00Z"));
    CHECK(zone.latest_shown(utc("2026-10-25T00:30:00Z")) == local("2026-10-25T02:30:00Z"));
    CHECK(zone.latest_shown(utc("2026-10-25T01:30:00Z")) == local("2026-10-25T02:59:59Z"));
    CHECK(zone.latest_shown(utc("2026-10-25T02:00:00Z")) == local("2026-10-25T03:00:00Z"));
    CHECK(zone.is_repeated(local("2026-10-25T02:00:00Z")));
    CHECK(zone.is_repeated(local("2026-10-25T02:59:59Z")));
    CHECK_FALSE(zone.is_repeated(local("2026-10-25T03:00:00Z")));
    CHECK_FALSE(zone.is_repeated(local("2026-10-25T01:59:59Z")));
    CHECK_FALSE(zone.is_repeated(local("2026-03-29T02:30:00Z")));
  }
}

TEST_SUITE("schedule::zone_file") {
  TEST_CASE("whatever is cut off a zone file, it is refused") {
    const auto bytes = berlin();
    REQUIRE(refusal_of_file(bytes).empty());
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      CAPTURE(length);
      CHECK_FALSE(refusal_of_file(bytes.substr(0, length)).empty());
    }
  }

  TEST_CASE("damaged zone files are refused or read, never more") {
    std::mt19937 random(7);
    const auto bytes = berlin();
    int refused = 0;
    for (int i = 0; i < 20'000; ++i) {
      auto damaged = bytes;
      for (auto edits = random() % 3 + 1; edits > 0; --edits) {
        // Half of them in the header of the 64-bit data or behind it.
        const auto at =
            random() % 2 == 0 ? random() % bytes.size() : bytes.size() - 1 - random() % 40;
        damaged[at] = static_cast<char>(random());
      }
      try {
        const Zone zone("damaged", parse_zone_file(damaged));
        for (const int year : {1900, 1980, 2026, 2040, 9999})
          zone.first_showing(LocalTime(local_days(std::chrono::year(year) / 3 / 29)));
      } catch (const DataError&) {
        ++refused;
      }
    }
    CHECK(refused > 5000);
  }

  TEST_CASE("transitions, offsets and the rule of a small zone file") {
    const auto offset_at = [](const ZoneFile& file, std::int64_t at) {
      return period_at(parse_zone_file(file.bytes()), Instant(seconds(at))).offset.count();
    };
    CHECK(offset_at({}, -1) == 0);
    CHECK(offset_at({}, 0) == 3600);
    CHECK(offset_at({}, 99) == 3600);
    CHECK(offset_at({}, 100) == 0);
    // From the big bang on.
    CHECK(offset_at({.instants = {-(std::int64_t{1} << 59), 100}}, 0) == 3600);
    // What the file lists counts up to its end, then the rule.
    const ZoneFile ruled{.instants = {0, 1800000000}, .footer = "\nAAA-2BBB,M3.5.0,M10.5.0\n"};
    CHECK(offset_at(ruled, 1790000000) == 3600);
    CHECK(offset_at(ruled, 1800000000) == 0);
    CHECK(offset_at(ruled, 1820000000) == 10800);
    CHECK(offset_at(ruled, 1860000000) == 7200);
    // None at all, and no rule.
    CHECK(offset_at({.instants = {}, .types = {}, .footer = "\n\n"}, 0) == 0);
    CHECK(offset_at({.instants = {}, .types = {}, .footer = "\nAAA-2BBB,M3.5.0,M10.5.0\n"}, 0) ==
          7200);
  }

  TEST_CASE("what a zone file must not say") {
    const std::pair<ZoneFile, const char*> cases[] = {
        {{.instants = {100, 0}}, "its transitions are out of order"},
        {{.instants = {0, 0}}, "its transitions are out of order"},
        {{.instants = {0, std::int64_t{1} << 60}}, "its transitions are out of order"},
        {{.types = {2, 0}}, "it names an offset that it does not have"},
        {{.types = {255, 0}}, "it names an offset that it does not have"},
        {{.offsets = {0, 100'000}}, "it has an impossible offset"},
        {{.offsets = {-100'000, 0}}, "it has an impossible offset"},
        {{.instants = {}, .types = {}, .offsets = {}}, "it has no offsets"},
        {{.footer = ""}, "its last line is missing"},
        {{.footer = "\nCET-1"}, "its last line is missing"},
        {{.footer = "\nCET\n"}, "the rule \"CET\" is no POSIX rule"},
        {{.footer = "\nCET-1\nCET-1\n"}, "the rule \"CET-1\\nCET-1\" is no POSIX rule"},
    };
    for (const auto& [file, why] : cases) CHECK(refusal_of_file(file.bytes()) == why);
  }

  TEST_CASE("what is no zone file of today") {
    auto bytes = berlin();
    bytes[4] = 0;
    CHECK(refusal_of_file(bytes) == "it has version 1, which ends in 2037");
    CHECK(refusal_of_file("TZdata") == "it is no zone file");
    const auto right = "/usr/share/zoneinfo/right/Europe/Berlin";
    if (std::filesystem::exists(right))
      CHECK(refusal_of_file(read_file(right)) ==
            "it counts leap seconds, which UTC and PostgreSQL do not");
  }
}

TEST_SUITE("schedule::zones") {
  TEST_CASE("every zone of this system can be read") {
    Zones zones;
    int count = 0;
    const std::filesystem::path folder = "/usr/share/zoneinfo";
    for (const char* area : {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia",
                             "Etc", "Europe", "Indian", "Pacific"})
      for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / area)) {
        if (entry.is_directory()) continue;
        const auto name = entry.path().lexically_relative(folder).string();
        CAPTURE(name);
        CHECK(refusal_of(zones, name).empty());
        ++count;
      }
    CHECK(count > 300);
  }

  TEST_CASE("unknown zones are refused, with the nearest name when one is near") {
    const std::pair<const char*, const char*> cases[] = {
        {"Europe/Berlni", "timezone \"Europe/Berlni\" is unknown: did you mean \"Europe/Berlin\"?"},
        {"europe/berlin", "timezone \"europe/berlin\" is unknown: did you mean \"Europe/Berlin\"?"},
        {"berlin", "timezone \"berlin\" is unknown: did you mean \"Europe/Berlin\"?"},
        {"New_York", "timezone \"New_York\" is unknown: did you mean \"America/New_York\"?"},
        {"utc", "timezone \"utc\" is unknown: did you mean \"UTC\"?"},
        {"Mars/Olympus_Mons",
         "timezone \"Mars/Olympus_Mons\" is unknown: use a name found below /usr/share/zoneinfo, "
         "e.g. \"Europe/Berlin\""},
        {"", "timezone \"\" is no zone name: use e.g. \"Europe/Berlin\""},
        {"../../../etc/passwd",
         "timezone \"../../../etc/passwd\" is no zone name: use e.g. \"Europe/Berlin\""},
        {"Europe/../Europe/Berlin",
         "timezone \"Europe/../Europe/Berlin\" is no zone name: use e.g. \"Europe/Berlin\""},
        {"/usr/share/zoneinfo/UTC",
         "timezone \"/usr/share/zoneinfo/UTC\" is no zone name: use e.g. \"Europe/Berlin\""},
        {"Europe//Berlin",
         "timezone \"Europe//Berlin\" is no zone name: use e.g. \"Europe/Berlin\""},
        {"Europe/Berlin/",
         "timezone \"Europe/Berlin/\" is no zone name: use e.g. \"Europe/Berlin\""},
        {"zone.tab", "timezone \"zone.tab\" is no zone name: use e.g. \"Europe/Berlin\""},
        {"Berlin\n", "timezone \"Berlin\\n\" is no zone name: use e.g. \"Europe/Berlin\""}};
    for (const auto& [name, why] : cases) CHECK(refusal_of(Zones(), name) == why);
    CHECK(refusal_of(Zones(), "Europe").find("is unknown") != std::string::npos);
    CHECK(refusal_of(Zones(), std::string(100'000, 'x')).size() < 200);
    CHECK(refusal_of(Zones(), std::string("UTC\0", 4)).find("is no zone name") !=
          std::string::npos);
  }

  TEST_CASE("a system without zone data has UTC, and says what to install for others") {
    const test::TempDir empty;
    CHECK(refusal_of(Zones(empty.path()), "UTC").empty());
    CHECK(refusal_of(Zones(empty.path()), "Europe/Berlin") ==
          "timezone \"Europe/Berlin\": " + empty.path() +
              "/usr/share/zoneinfo is missing: install the package tzdata");
    CHECK(Zones(empty.path()).system_zone().name() == "UTC");
  }

  TEST_CASE("a damaged zone file is refused by name") {
    Root root;
    root.write("usr/share/zoneinfo/Europe/Paris", berlin().substr(0, 500));
    const auto why = refusal_of(root.zones(), "Europe/Paris");
    CHECK(why.find("timezone \"Europe/Paris\": ") == 0);
    CHECK(why.find(
              "is unusable, it ends too early: choose another, or reinstall the package tzdata") !=
          std::string::npos);
  }

  TEST_CASE("the system's zone: /etc/localtime, else /etc/timezone, else UTC") {
    Root root;
    CHECK(root.zones().system_zone().name() == "UTC");
    root.write("etc/timezone", "Europe/Berlin\n");
    CHECK(root.zones().system_zone().name() == "Europe/Berlin");
    root.link_localtime("/usr/share/zoneinfo/Europe/Berlni");
    CHECK(refusal([&] { root.zones().system_zone(); }) ==
          "timezone \"Europe/Berlni\" is unknown: did you mean \"Europe/Berlin\"?");

    Root other;
    other.link_localtime("../usr/share/zoneinfo/Europe/Berlin");
    other.write("etc/timezone", "Etc/UTC\n");
    CHECK(other.zones().system_zone().name() == "Europe/Berlin");
  }
}

}  // namespace schedctl::schedule
