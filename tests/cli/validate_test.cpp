#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/process.h"

using namespace schedctl::test;

namespace {

using Json = nlohmann::json;

// A configuration of its own, and the validation of it.
struct Validation {
  explicit Validation(const std::string& text) { folder.write("schedctl.toml", text); }

  ProcessResult run_with(std::vector<std::string> flags = {},
                         std::vector<std::string> env = {}) const {
    flags.insert(flags.begin(), {binary(), "--config", folder / "schedctl.toml", "validate"});
    ProcessOptions options;
    options.env = std::move(env);
    return run(flags, options);
  }

  // Its warnings without the folder; each is one line.
  std::vector<std::string> warnings() const {
    const auto answer = Json::parse(run_with({"--json"}).out);
    std::vector<std::string> lines;
    for (const std::string line : answer["warnings"])
      lines.push_back(line.substr(folder.path().size() + 1));
    return lines;
  }

  TempDir folder;
};

using Lines = std::vector<std::string>;

const std::string slow =
    "[handler.slow]\ntype = \"command\"\nargv = [\"true\"]\ntimeout = \"10m\"\n";

std::string definition(const std::string& name, const std::string& keys,
                       const std::string& handler = "noop") {
  return "[job." + name + "]\nhandler = \"" + handler + "\"\n" + keys + "\n";
}

void check_refused(const Validation& validation, const std::string& says) {
  const auto end = validation.run_with();
  CAPTURE(end.err);
  CHECK(end.exit_code == 78);
  CHECK(end.out == "");
  CHECK(end.err == "schedctl: " + validation.folder.path() + "/" + says + "\n");
  const auto answer = Json::parse(validation.run_with({"--json"}).out);
  CHECK(answer["valid"] == false);
  CHECK(answer["error"] == validation.folder.path() + "/" + says);
  CHECK(answer["definitions"] == Json::array());
}

}  // namespace

TEST_SUITE("cli::validate") {
  TEST_CASE("a good configuration is told in one line, with what it declares") {
    const Validation good(slow + definition("a", "every = \"3h\"\ntimezone = \"UTC\"") +
                          definition("b", "enabled = false", "slow"));

    const auto end = good.run_with();
    CHECK(end.exit_code == 0);
    CHECK(end.out == good.folder / "schedctl.toml" + ": ok, 1 handler, 2 definitions\n");
    CHECK(end.err == "");

    const auto answer = Json::parse(good.run_with({"--json"}).out);
    CHECK(answer["schema_version"] == 1);
    CHECK(answer["valid"] == true);
    CHECK(answer["files"] == Json{good.folder / "schedctl.toml"});
    CHECK(answer["definitions"].size() == 2);
    CHECK(answer["definitions"][0]["schedule"] == "every 3h");
    CHECK(answer["definitions"][0]["timezone"] == "UTC");
    CHECK(answer["definitions"][0]["next_slot"] != nullptr);
    CHECK(answer["definitions"][1] == Json{{"name", "b"},
                                           {"handler", "slow"},
                                           {"enabled", false},
                                           {"schedule", nullptr},
                                           {"timezone", nullptr},
                                           {"next_slot", nullptr}});
  }

  TEST_CASE("what may not be meant is warned of, and the exit code stays 0") {
    const Validation odd(definition("both", "cron = \"0 0 13 * fri\"") +
                         definition("over", "cron = { year = 2020 }\ntimezone = \"UTC\"") +
                         definition("zone", "cron = \"30 2 * * *\"\ntimezone = \"Europe/Berlin\"") +
                         definition("waits", "every = \"1h\"\ndepends_on = [\"off\"]") +
                         definition("off", "enabled = false"));

    const auto lines = odd.warnings();

    REQUIRE(lines.size() == 5);
    CHECK(lines[0].starts_with(
        "schedctl.toml:3: job both: day \"13\" and day_of_week \"fri\" are both set, so either"));
    CHECK(
        lines[1].starts_with("schedctl.toml:6: job over: at 00:00 on day 1 of the month in Jan in "
                             "2020, UTC has no slot after "));
    CHECK(lines[2] ==
          "schedctl.toml:15: job waits: it waits for off, which is not enabled, so its "
          "slots are skipped: enable that, or remove it here");
    CHECK(lines[3].starts_with("schedctl.toml:10: job zone: 20"));
    CHECK(lines[4].starts_with("schedctl.toml:10: job zone: 20"));
    const auto changes = lines[3] + lines[4];
    CHECK(changes.find(": the clocks skip 02:30: its slot moves to 03:00") != std::string::npos);
    CHECK(changes.find(": the clocks show 02:30 twice: only the first") != std::string::npos);
    const auto end = odd.run_with();
    CHECK(end.exit_code == 0);
    CHECK(end.out.starts_with("warning: " + odd.folder.path() + "/schedctl.toml:3: job both: "));
  }

  TEST_CASE("slots that come faster than the timeout are warned of, with what then happens") {
    const auto warning_of = [](const std::string& keys) {
      const auto lines =
          Validation(slow + definition("a", keys + "\ntimezone = \"UTC\"", "slow")).warnings();
      return lines.empty() ? "" : lines[0];
    };
    const std::string start =
        "schedctl.toml:7: job a: slots come up to 5m apart, which is less than the timeout 10m: ";

    CHECK(warning_of("cron = \"*/5 * * * *\"") ==
          start + "overlap = \"skip\" leaves out the slots that fall into a longer run");
    CHECK(warning_of("every = \"5m\"\noverlap = \"queue\"") ==
          start + "overlap = \"queue\" lets jobs pile up behind longer runs");
    CHECK(warning_of("every = \"5m\"\noverlap = \"cancel\"") ==
          start + "overlap = \"cancel\" ends longer runs");
    CHECK(warning_of("every = \"5m\"\noverlap = \"allow\"") == "");
    CHECK(warning_of("every = \"5m\"\noverlap = \"allow\"\nconcurrency_limit = 3") ==
          start + "concurrency_limit lets jobs pile up behind longer runs");
    CHECK(warning_of("every = \"5m\"\ntimeout = \"5m\"") == "");
    CHECK(warning_of("every = \"10m\"") == "");
    // Two times that lie near each other are enough.
    CHECK(warning_of("cron = \"0,5 3 * * *\"") ==
          start + "overlap = \"skip\" leaves out the slots that fall into a longer run");
  }

  TEST_CASE("mistakes in schedules and zones exit with 78, with file, line, key and remedy") {
    check_refused(Validation(definition("a", "cron = \"0 60 * * *\"")),
                  "schedctl.toml:3: job.a.cron: \"0 60 * * *\": hour (field 2, character 3): "
                  "\"60\" is out of range: use 0 to 23");
    check_refused(Validation(definition("a", "every = \"1h\"\ntimezone = \"Mars/Base\"")),
                  "schedctl.toml:4: job.a.timezone: \"Mars/Base\" is unknown: use a name found "
                  "below /usr/share/zoneinfo, e.g. \"Europe/Berlin\"");
    check_refused(Validation(definition("a", "cron = \"0 0 30 2 *\"")),
                  "schedctl.toml:3: job.a.cron: \"0 0 30 2 *\": no date fits month \"2\", day "
                  "\"30\": change one of them");
  }

  TEST_CASE("mistakes in a profile are found before somebody chooses it") {
    const auto good = definition("a", "every = \"1h\"\ntimezone = \"UTC\"");
    check_refused(Validation(good + "[profile.dev.job.a]\ntimezone = \"UCT2\"\n" +
                             "[profile.prod.process]\nhost = \"x\"\n"),
                  "schedctl.toml:6: job.a.timezone: \"UCT2\" is unknown: did you mean \"UCT\"?");
    check_refused(Validation(good + "[profile.prod.process]\nhots = \"x\"\n"),
                  "schedctl.toml:6: process.hots: unknown key: did you mean \"host\"?");
    const Validation fine(good + "[profile.prod.process]\nhost = \"x\"\n");
    CHECK(Json::parse(fine.run_with({"--json"}, {"SCHEDCTL_PROFILE=prod"}).out)["profiles"] ==
          Json{"prod"});
  }

  TEST_CASE("a schedule that is wrong keeps every command from its work, a zone only validate") {
    const Validation wrong(definition("a", "cron = \"0 60 * * *\""));
    const Validation lost(definition("a", "cron = \"@daily\"\ntimezone = \"Mars/Base\""));
    const auto show = [](const Validation& validation) {
      return run({binary(), "--config", validation.folder / "schedctl.toml", "config", "show"});
    };

    CHECK(show(wrong).exit_code == 78);
    CHECK(show(wrong).err.find("schedctl.toml:3: job.a.cron: ") != std::string::npos);
    const auto end = show(lost);
    CHECK(end.exit_code == 0);
    CHECK(end.out.find("job.a.timezone = \"Mars/Base\"\n") != std::string::npos);
  }
}
