#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/process.h"

using namespace schedctl::test;

namespace {

using Words = std::vector<std::string>;
using Json = nlohmann::json;

const char* const definitions = R"([database]
url = "postgresql://127.0.0.1:1/nowhere"
[job.nightly]
handler = "noop"
cron = "30 2 * * *"
timezone = "Europe/Berlin"
[job.often]
handler = "noop"
cron = "*/30 2 * * *"
timezone = "Europe/Berlin"
[job.fast]
handler = "noop"
every = "1500ms"
timezone = "UTC"
[job.spread]
handler = "noop"
every = "1h"
jitter = "1h"
timezone = "UTC"
[job.off]
handler = "noop"
every = "1h"
timezone = "UTC"
enabled = false
[job.hand]
handler = "noop"
enabled = false
[job.boot]
handler = "noop"
cron = "@reboot"
[job.lost]
handler = "noop"
cron = "@daily"
timezone = "Europe/Berlni"
[job."a b"]
handler = "noop"
at = 2020-01-01
)";

// A folder whose configuration names a database that is not there.
struct Folder {
  TempDir folder;
  std::string config = folder.write("schedctl.toml", definitions);

  ProcessResult next(Words arguments) const {
    arguments.insert(arguments.begin(), {binary(), "--config", config, "next"});
    ProcessOptions options;
    options.env = {"TZ=Asia/Tokyo"};
    return run(arguments, options);
  }

  Json json(Words arguments) const {
    arguments.emplace_back("--json");
    const auto end = next(std::move(arguments));
    REQUIRE_MESSAGE(end.exit_code == 0, end.err);
    return Json::parse(end.out);
  }

  void check_refused(const Words& arguments, int code, const std::string& says) const {
    const auto end = next(arguments);
    CAPTURE(end.err);
    CHECK(end.exit_code == code);
    CHECK(end.out == "");
    CHECK(end.err.find(says) != std::string::npos);
    CHECK(std::ranges::count(end.err, '\n') == 1);
  }
};

Json slot(const char* utc, const char* local, const char* mark = nullptr) {
  return {
      {"utc", utc}, {"local", local}, {"mark", mark ? Json(mark) : Json()}, {"scheduled_for", utc}};
}

}  // namespace

TEST_SUITE("cli::next") {
  TEST_CASE("the next slots are found without a database, with what the clocks do to them") {
    const Folder here;

    auto answer = here.json({"nightly", "--from", "2026-03-28T01:30:00Z", "--count", "3"});
    CHECK(answer["schema_version"] == 1);
    CHECK(answer["name"] == "nightly");
    CHECK(answer["timezone"] == "Europe/Berlin");
    CHECK(answer["schedule"] == "at 02:30 each day, Europe/Berlin");
    CHECK(answer["from"] == "2026-03-28T01:30:00Z");
    CHECK(answer["to"] == nullptr);
    CHECK(answer["slots"] == Json{slot("2026-03-28T01:30:00Z", "2026-03-28T02:30:00+01:00"),
                                  slot("2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00", "gap"),
                                  slot("2026-03-30T00:30:00Z", "2026-03-30T02:30:00+02:00")});

    answer = here.json({"often", "--from", "2026-10-25", "--to", "2026-10-25T03:00"});
    CHECK(answer["slots"] ==
          Json{slot("2026-10-25T00:00:00Z", "2026-10-25T02:00:00+02:00", "fold"),
               slot("2026-10-25T00:30:00Z", "2026-10-25T02:30:00+02:00", "fold"),
               slot("2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00", "fold"),
               slot("2026-10-25T01:30:00Z", "2026-10-25T02:30:00+01:00", "fold")});
    CHECK(answer["more"] == false);
  }

  TEST_CASE("--from belongs to the span, --to does not, and --count ends it") {
    const Folder here;
    const Words span = {"off", "--from", "2026-01-01T00:00Z", "--to", "2026-01-01T07:00Z"};

    auto answer = here.json(span);
    CHECK(answer["slots"].size() == 5);
    CHECK(answer["slots"][0]["utc"] == "2026-01-01T00:00:00Z");
    CHECK(answer["more"] == true);

    auto longer = span;
    longer.insert(longer.end(), {"--count", "100"});
    answer = here.json(longer);
    CHECK(answer["slots"].size() == 7);
    CHECK(answer["slots"][6]["utc"] == "2026-01-01T06:00:00Z");
    CHECK(answer["more"] == false);
    CHECK(answer["enabled"] == false);
  }

  TEST_CASE("without --from the slots are those after now") {
    const Folder here;
    const auto answer = here.json({"off"});
    CHECK(answer["slots"].size() == 5);
    CHECK(answer["slots"][0]["utc"] >= answer["from"]);
  }

  TEST_CASE("jitter says when jobs are due, the slots stay on their grid") {
    const Folder here;
    const auto answer = here.json({"spread", "--from", "2026-01-01T00:00Z", "--count", "2"});

    CHECK(answer["slots"][0]["utc"] == "2026-01-01T00:00:00Z");
    CHECK(answer["slots"][1]["utc"] == "2026-01-01T01:00:00Z");
    const int delay = answer["delay_ms"];
    CHECK(delay > 0);
    CHECK(delay < 3'600'000);
    CHECK(answer["slots"][0]["scheduled_for"] > "2026-01-01T00:00:00Z");
    CHECK(answer["slots"][0]["scheduled_for"] < "2026-01-01T01:00:00Z");
    CHECK(here.next({"spread"}).out.find(" after their slots, by jitter\n") != std::string::npos);
  }

  TEST_CASE("people read local time and what the clocks do in words") {
    const Folder here;
    CHECK(here.next({"nightly", "--from", "2026-03-28T12:00", "--count", "2"}).out ==
          "nightly: at 02:30 each day, Europe/Berlin\n"
          "day  slot                       note\n"
          "Sun  2026-03-29 03:00:00+02:00  the clocks skip its time: right after\n"
          "Mon  2026-03-30 02:30:00+02:00\n");
    CHECK(here.next({"fast", "--from", "2026-01-01", "--to", "2026-01-01T00:00:02"}).out ==
          "fast: every 1s500ms\n"
          "day  slot\n"
          "Thu  2026-01-01 00:00:00+00:00\n"
          "Thu  2026-01-01 00:00:01.500000+00:00\n");
    CHECK(here.next({"off", "--from", "2026-01-01", "--to", "2026-01-02", "--count", "1"}).out ==
          "off: every 1h\n"
          "not enabled: none of these is planned\n"
          "day  slot\n"
          "Thu  2026-01-01 00:00:00+00:00\n"
          "more before --to: raise --count\n");
  }

  TEST_CASE("a definition without slots says why") {
    const Folder here;
    CHECK(here.next({"hand"}).out == "hand: no schedule: it is only run by hand\n");
    CHECK(here.next({"boot"}).out == "boot: at each start of the host\n");
    CHECK(here.next({"a b"}).out.starts_with("a b: once at 2020-01-01 00:00:00"));
    CHECK(here.next({"a b"}).out.ends_with("\nno slots\n"));
    for (const char* name : {"hand", "boot", "a b"})
      CHECK(here.json({name})["slots"] == Json::array());
    CHECK(here.json({"hand"})["schedule"] == nullptr);
  }

  TEST_CASE("an expression can be tried before it is written down") {
    const TempDir empty;
    ProcessOptions options;
    options.cwd = empty.path();
    const auto end = run({binary(), "next", "--cron", "0 9 * * mon#1", "--timezone",
                          "America/New_York", "--from", "2026-03-01", "--count", "2"},
                         options);
    CAPTURE(end.err);
    CHECK(end.exit_code == 0);
    CHECK(end.out ==
          "at 09:00 on the 1st Mon of the month, America/New_York\n"
          "day  slot\n"
          "Mon  2026-03-02 09:00:00-05:00\n"
          "Mon  2026-04-06 09:00:00-04:00\n");
  }

  TEST_CASE("what cannot be answered is refused with the remedy") {
    const Folder here;
    here.check_refused({"nigthly"}, 65, "did you mean \"nightly\"?");
    here.check_refused({"backup"}, 65, "no definition \"backup\" in ");
    here.check_refused(
        {"lost"}, 78, "schedctl.toml:34: job.lost.timezone: \"Europe/Berlni\" is unknown: did you");
    here.check_refused({}, 64, "the name of a definition, or --cron");
    here.check_refused({"off", "--count", "0"}, 64, "--count \"0\": use a number from 1");
    here.check_refused({"off", "--from", "soon"}, 64, "--from \"soon\" is no time: use e.g.");
    here.check_refused({"off", "--from", "1969-01-01"}, 64, "use the years 1970 to 9999");
    here.check_refused({"off", "--from", "2026-01-02", "--to", "2026-01-02"}, 64, "not later than");
    here.check_refused({"off", "--timezone", "UTC"}, 64, "--timezone requires --cron");
    here.check_refused({"off", "--cron", "@daily"}, 64, "excludes");
    here.check_refused({"--cron", "0 60 * * *"}, 65,
                       "hour (field 2, character 3): \"60\" is out of");
    here.check_refused({"--cron", "@daily", "--timezone", "berlin"}, 65, "\"Europe/Berlin\"?");
  }
}
