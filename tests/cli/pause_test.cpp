#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "cli/installation.h"

using namespace schedctl;
using test::Installation;

TEST_SUITE("cli::pause [db]") {
  TEST_CASE("pause and resume say what holds now") {
    Installation installation;

    const auto paused = installation.schedctl({"pause", "--until", "2100-01-01 00:00"});
    CHECK(paused.exit_code == 0);
    CHECK(paused.err == "");
    CHECK(paused.out.starts_with("paused since 20"));
    CHECK(
        paused.out.ends_with(", until 2100-01-01 00:00:00+00:00; what runs goes on; "
                             "to end it: schedctl resume\n"));

    CHECK(installation.schedctl({"resume"}).out == "resumed\n");
    const auto again = installation.schedctl({"resume"});
    CHECK(again.exit_code == 0);
    CHECK(again.out == "nothing was paused\n");
  }

  TEST_CASE("--json of pause and resume has the keys of status") {
    Installation installation;

    const auto paused = nlohmann::json::parse(
        installation.schedctl({"pause", "--until", "2h", "--reason", "a \"b\"", "--json"}).out);
    CHECK(paused["paused"] == true);
    CHECK(paused["pause_reason"] == "a \"b\"");
    CHECK(paused["paused_by"] == installation.database.value("select session_user"));
    CHECK(installation.database.value(
              "select $1::timestamptz = paused_until and paused_until = paused_since + interval "
              "'2 hours' from current_pause",
              {paused["paused_until"].get<std::string>()}) == "t");

    const auto resumed = nlohmann::json::parse(installation.schedctl({"resume", "--json"}).out);
    CHECK(resumed ==
          nlohmann::json{{"schema_version", 1}, {"paused", false}, {"was_paused", true}});
  }

  TEST_CASE("a time that is over or cannot be read is bad data, and nothing is paused") {
    Installation installation;

    for (const std::string until : {"2020-01-01T00:00:00Z", "0s", "soon", "2027-13-01T00:00:00Z"}) {
      const auto refused = installation.schedctl({"pause", "--until", until});
      CAPTURE(refused.err);
      CHECK(refused.exit_code == 65);
      CHECK(refused.err.find("until") != std::string::npos);
      CHECK(refused.out == "");
    }
    CHECK(installation.schedctl({"pause", "--reason", "\xff"}).exit_code == 65);
    CHECK(installation.schedctl({"pause", "nightly", "weekly"}).exit_code == 64);

    CHECK(installation.database.value("select count(*) from current_pause") == "0");
  }

  TEST_CASE("a dry run says that everything is paused") {
    Installation installation;
    installation.database.insert_pending("noop");
    installation.schedctl({"pause", "--reason", "moving house"});

    const auto shown = installation.schedctl({"process", "--dry-run"});
    const auto json =
        nlohmann::json::parse(installation.schedctl({"process", "--dry-run", "--json"}).out);

    CHECK(shown.exit_code == 0);
    CHECK(shown.out.starts_with("nothing would run: paused since 20"));
    CHECK(shown.out.ends_with(": moving house\n"));
    CHECK(json["paused"] == true);
    CHECK(json["due"].empty());
    installation.schedctl({"resume"});
    CHECK(installation.schedctl({"process", "--dry-run"}).out.starts_with("would run job "));
  }

  TEST_CASE("one definition is paused and resumed by its name; an unknown one is bad data") {
    Installation installation;
    installation.database.query(
        "insert into job_definitions (name, handler) values ('nightly', 'noop')");

    const auto paused = installation.schedctl({"pause", "nightly", "--until", "2100-01-01 00:00"});
    CHECK(paused.exit_code == 0);
    CHECK(paused.out.starts_with("nightly: paused since 20"));
    CHECK(
        paused.out.ends_with(", until 2100-01-01 00:00:00+00:00; what runs goes on; "
                             "to end it: schedctl resume nightly\n"));
    CHECK(installation.database.value("select count(*) from current_pause") == "0");
    CHECK(installation.schedctl({"resume", "nightly"}).out == "nightly resumed\n");
    CHECK(installation.schedctl({"resume", "nightly"}).out == "nightly was not paused\n");

    const auto json = nlohmann::json::parse(
        installation.schedctl({"pause", "nightly", "--reason", "r", "--json"}).out);
    CHECK(json["definition"] == "nightly");
    CHECK(json["paused"] == true);
    CHECK(json["pause_reason"] == "r");
    CHECK(nlohmann::json::parse(installation.schedctl({"resume", "nightly", "--json"}).out) ==
          nlohmann::json{{"schema_version", 1},
                         {"definition", "nightly"},
                         {"paused", false},
                         {"was_paused", true}});

    for (const std::string command : {"pause", "resume", "run"}) {
      const auto refused = installation.schedctl({command, "nigthly"});
      CAPTURE(refused.err);
      CHECK(refused.exit_code == 65);
      CHECK(refused.err.find("there is no definition \"nigthly\"") != std::string::npos);
      CHECK(refused.out == "");
    }
  }
}
