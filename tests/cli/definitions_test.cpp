#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/host.h"

using namespace schedctl;
using nlohmann::json;
using test::Host;

namespace {

const std::string nightly =
    "\n[job.nightly]\nhandler = \"noop\"\ncron = \"0 2 * * *\"\ntimezone = "
    "\"Europe/Berlin\"\ndescription = \"d\"\n";

json definitions(const Host& host) {
  const auto shown = host.run({"definitions", "--json"});
  CHECK(shown.exit_code == 0);
  return json::parse(shown.out)["definitions"];
}

}  // namespace

TEST_SUITE("cli::definitions [db]") {
  TEST_CASE("what is planned is shown in words, with its next run and how the last one ended") {
    Host host(nightly + "\n[job.hand]\nhandler = \"noop\"\nenabled = false\n");
    CHECK(host.run({"definitions"}).out.starts_with("no definitions: "));
    host.tick();
    CHECK(host.run({"run", "nightly"}).exit_code == 0);
    host.tick();

    const auto shown = host.start({"definitions"}, {"COLUMNS=200"}).wait();
    CHECK(shown.exit_code == 0);
    CHECK(shown.out.find("nightly  at 02:00 each day, Europe/Berlin  noop     active") !=
          std::string::npos);
    CHECK(shown.out.find("completed 20") != std::string::npos);
    CHECK(shown.out.find("hand     by hand only                      noop     disabled") !=
          std::string::npos);

    const auto rows = definitions(host);
    REQUIRE(rows.size() == 2);
    const auto& row = rows[1];
    CHECK(row["name"] == "nightly");
    CHECK(row["schedule"] == "0 2 * * *");
    CHECK(row["trigger"] == "at 02:00 each day, Europe/Berlin");
    CHECK(row["timezone"] == "Europe/Berlin");
    CHECK(row["handler"] == "noop");
    CHECK(row["description"] == "d");
    CHECK(row["state"] == "active");
    CHECK(row["paused"] == false);
    CHECK(row["last_status"] == "completed");
    CHECK(row["hosts"] == json::array({"host-a"}));
    CHECK(row["differing_hosts"].empty());
    CHECK(host.database.value(
              "select $1::timestamptz = next_run_at from job_definitions where name = 'nightly'",
              {row["next_run_at"].get<std::string>()}) == "t");
    CHECK(rows[0]["next_run_at"].is_null());
    CHECK(rows[0]["schedule"].is_null());
  }

  TEST_CASE("paused, retired and differently declared definitions are told apart, also by status") {
    Host host(nightly + "\n[job.gone]\nhandler = \"noop\"\nevery = \"1h\"\n");
    host.tick();
    host.database.query(
        "insert into declarations (definition, host, hash) values ('nightly', 'host-b', 'other')");
    host.database.query("delete from declarations where definition = 'gone'");
    host.database.query("update job_definitions set is_active = false where name = 'gone'");
    CHECK(host.run({"pause", "nightly", "--reason", "r"}).exit_code == 0);

    const auto shown = host.start({"definitions"}, {"COLUMNS=200"}).wait();
    CHECK(shown.out.find("paused") != std::string::npos);
    CHECK(shown.out.ends_with("nightly: declared differently by host-b\n"));
    const auto rows = definitions(host);
    CHECK(rows[0]["state"] == "retired");
    CHECK(rows[1]["state"] == "paused");
    CHECK(rows[1]["pause_reason"] == "r");
    CHECK(rows[1]["next_run_at"].is_null());
    CHECK(rows[1]["differing_hosts"] == json::array({"host-b"}));

    const auto status = json::parse(host.run({"status", "--json"}).out)["definitions"];
    CHECK(status[1]["state"] == "paused");
    CHECK(status[1]["paused"] == true);
    CHECK(status[1]["differing_hosts"] == json::array({"host-b"}));
    CHECK(host.run({"status"}).out.find("retired") != std::string::npos);
  }
}

TEST_SUITE("cli::run_definition [db]") {
  TEST_CASE("run makes a job now; --wait ends with its outcome") {
    Host host;
    host.handler("check", "read -r line; case $line in *bad*) exit 1;; esac", "max_retries = 0");
    host.configure("\n[job.c]\nhandler = \"check\"\nenabled = false\n");
    host.tick();

    const auto made = host.run({"run", "c", "--json"});
    CHECK(made.exit_code == 0);
    const auto id = json::parse(made.out)["id"].get<long>();
    CHECK(host.status(id) == "pending");
    host.tick();
    CHECK(host.status(id) == "completed");

    const auto end_of = [&](const std::string& payload) {
      auto waiting = host.start({"run", "c", "--wait", "--payload", payload, "--json"});
      host.await("job_queue where status = 'pending'", 1);
      host.tick();
      return waiting.wait();
    };
    const auto good = end_of("{}"), bad = end_of("{\"bad\":1}");
    CHECK(good.exit_code == 0);
    CHECK(json::parse(good.out)["status"] == "completed");
    CHECK(bad.exit_code == 1);
    CHECK(json::parse(bad.out)["status"] == "failed");
    CHECK(json::parse(bad.out)["error_message"].get<std::string>().find("exit") !=
          std::string::npos);
  }

  TEST_CASE("a person's run waits for the one that is there, by the definition's limit") {
    Host host;
    host.handler("note", "echo start >> journal; sleep 0.3; echo end >> journal");
    host.configure("\n[job.n]\nhandler = \"note\"\nenabled = false\n");
    host.tick();
    for (int i = 0; i < 3; ++i) CHECK(host.run({"run", "n"}).exit_code == 0);
    host.tick();

    CHECK(host.read("journal") == "start\nend\nstart\nend\nstart\nend\n");
  }

  TEST_CASE("a payload that is no object is refused before anything is stored") {
    Host host("\n[job.n]\nhandler = \"noop\"\nenabled = false\n");
    host.tick();

    for (const std::string payload : {"[1]", "{", "@/nonexistent"}) {
      const auto refused = host.run({"run", "n", "--payload", payload});
      CAPTURE(refused.err);
      CHECK(refused.exit_code == 65);
      CHECK(refused.out == "");
    }
    CHECK(host.count("job_queue") == 0);
  }
}

TEST_SUITE("cli::simulate [db]") {
  TEST_CASE("simulate prints what would run, and changes nothing") {
    Host host(nightly);
    host.tick();
    const auto before =
        host.database.value("select last_slot::text || next_run_at from job_definitions");
    const auto simulate = [&](std::vector<std::string> more) {
      std::vector<std::string> arguments{"simulate", "--from", "2026-03-27T00:00:00Z", "--to",
                                         "2026-03-30T00:00:00Z"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      return host.run(arguments);
    };

    const auto shown = simulate({});
    CHECK(shown.exit_code == 0);
    CHECK(shown.out.find("2026-03-27 01:00:00+00:00") != std::string::npos);
    CHECK(shown.out.find("2026-03-29 01:00:00+00:00") != std::string::npos);
    CHECK(shown.out.ends_with("nightly: no run was completed yet; taken to last 1s\n"));
    const auto document = json::parse(simulate({"--json", "--duration", "5m"}).out);
    CHECK(document["complete"] == true);
    CHECK(document["skipped"].empty());
    REQUIRE(document["runs"].size() == 3);
    CHECK(document["runs"][0] == json{{"definition", "nightly"},
                                      {"slot", "2026-03-27T01:00:00Z"},
                                      {"starts_at", "2026-03-27T01:00:00Z"},
                                      {"ends_at", "2026-03-27T01:05:00Z"},
                                      {"cancelled", false}});

    CHECK(host.run({"simulate", "--to", "1s"}).out.starts_with("nothing would run\n"));
    CHECK(host.run({"simulate", "--from", "2026-03-27T00:00:00Z", "--to", "2026-03-26T00:00:00Z"})
              .exit_code == 65);
    CHECK(host.run({"simulate", "--to", "soon"}).exit_code == 65);
    CHECK(host.database.value("select last_slot::text || next_run_at from job_definitions") ==
          before);
    CHECK(host.count("jobs") == 0);
  }
}
