#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/installation.h"

using namespace schedctl;
using test::Installation;

namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void add_host(test::Database& database, const std::string& ago) {
  database.query("insert into hosts values ('db1', now() - $1::interval, '0.1.0', '{noop,mail}')",
                 {ago});
}

void add_failure(test::Database& database, const std::string& type, const std::string& message) {
  database.query(
      "insert into job_executions (id, job_queue_id, job_type, status, started_at, finished_at, "
      "attempt, error_message) "
      "values (nextval('execution_ids'), 42, $1, 'failed', now() - interval '2 min', now() - "
      "interval '1 min', 3, $2)",
      {type, message});
}

}  // namespace

TEST_SUITE("cli::status [db]") {
  TEST_CASE("the first line says in words how things are") {
    Installation installation;
    auto& database = installation.database;
    const auto headline = [&] { return first_line(installation.schedctl({"status"}).out); };

    CHECK(headline() == "no schedctl process has run yet: add the crontab line of crontab.example");

    add_host(database, "10 minutes");
    CHECK(headline() == "idle: nothing due, nothing running");

    database.insert_pending("mail");
    CHECK(headline() == "1 due and nothing running: is cron calling schedctl process?");

    database.query("update hosts set last_tick_at = now()");
    CHECK(headline().starts_with("1 due and nothing running: last tick "));

    database.query("update hosts set job_types = '{noop}'");
    CHECK(headline() == "1 due and nothing running: no host handles their types");

    database.query(
        "insert into job_queue (job_type, status, claim_token, locked_by, locked_at, execution_id, "
        "attempts) "
        "values ('noop', 'running', gen_random_uuid(), 1, now(), 7, 1)");
    CHECK(headline() == "working: 1 running, 1 due");

    database.query("select pause(reason => 'moving house')");
    CHECK(headline() == "paused: 1 running, 1 due");
    const auto page = installation.schedctl({"status"}).out;
    CHECK(page.find("\npaused  since 20") != std::string::npos);
    CHECK(page.find(", until somebody resumes\n        by " +
                    database.value("select session_user") + ": moving house\n") !=
          std::string::npos);
  }

  TEST_CASE("--json says since when, until when, why and by whom everything is paused") {
    Installation installation;
    installation.database.query("select pause('2100-01-01Z', 'moving house')");

    const auto status = nlohmann::json::parse(installation.schedctl({"status", "--json"}).out);

    CHECK(status["paused"] == true);
    CHECK(status["paused_since"].get<std::string>().ends_with("Z"));
    CHECK(status["paused_until"] == "2100-01-01T00:00:00.000000Z");
    CHECK(status["pause_reason"] == "moving house");
    CHECK(status["paused_by"] == installation.database.value("select session_user"));
  }

  TEST_CASE("failures end with the command that shows more") {
    Installation installation;
    add_failure(installation.database, "mail", "exit 3");

    const auto shown = installation.schedctl({"status"});

    CHECK(shown.exit_code == 0);
    CHECK(shown.err == "");
    CHECK(shown.out.find("failures of the last 24 hours") != std::string::npos);
    CHECK(shown.out.find("more: schedctl job show 42\n") != std::string::npos);
  }

  TEST_CASE("--json is one object with exactly the documented keys") {
    Installation installation;
    add_host(installation.database, "1 second");
    add_failure(installation.database, "mail", "exit 3");

    const auto shown = installation.schedctl({"status", "--json"});
    const auto status = nlohmann::json::parse(shown.out);

    std::set<std::string> keys;
    for (const auto& [key, value] : status.items()) keys.insert(key);
    CHECK(keys == std::set<std::string>{"schema_version", "paused", "paused_since", "paused_until",
                                        "pause_reason", "paused_by", "queue", "due",
                                        "oldest_due_age_s", "completed_24h", "failed_24h",
                                        "running", "failures", "hosts", "workers", "definitions",
                                        "unhandled_types"});
    CHECK(status["schema_version"] == 1);
    CHECK(status["paused"] == false);
    CHECK(status["paused_since"].is_null());
    CHECK(installation.schedctl({"--json", "status"}).exit_code == 0);
  }

  TEST_CASE("a job's name and message cannot steer the terminal") {
    Installation installation;
    add_failure(installation.database, "evil\x1b[31m\nname", "\x1b]0;title\x07 \u202e boom");

    const auto shown = installation.schedctl({"status"});

    CHECK(shown.out.find('\x1b') == std::string::npos);
    CHECK(shown.out.find('\x07') == std::string::npos);
    CHECK(shown.out.find("\u202e") == std::string::npos);
    CHECK(shown.out.find("evil\\x1b") != std::string::npos);
  }

  TEST_CASE("a reader that goes away is no failure, a closed or full output is told") {
    Installation installation;
    for (int i = 0; i < 30; ++i)
      installation.database.query("insert into job_definitions (name, handler) values ($1, 'noop')",
                                  {"d" + std::to_string(i)});

    CHECK(installation.shell("set -o pipefail; $S status | head -1").exit_code == 0);
    CHECK(installation.shell("$S status >&-").exit_code == 73);
    CHECK(installation.shell("$S status --json >&-").exit_code == 73);
    CHECK(installation.shell("$S status >/dev/full").exit_code == 73);
  }

  TEST_CASE("colours appear only on a terminal, and not with NO_COLOR") {
    Installation installation;
    add_failure(installation.database, "mail", "exit 3");
    const auto on_terminal = [&](const std::string& env) {
      return installation
          .shell("export TERM=xterm " + env + "; script -qec \"$S status\" /dev/null")
          .out;
    };

    CHECK(on_terminal("").find("\x1b[31mfailed") != std::string::npos);
    CHECK(on_terminal("NO_COLOR=1").find('\x1b') == std::string::npos);
    CHECK(on_terminal("TERM=dumb").find('\x1b') == std::string::npos);
    CHECK(installation.schedctl({"status"}, {"TERM=xterm"}).out.find('\x1b') == std::string::npos);
  }

  TEST_CASE("lines fit the width: 80 without a terminal, else COLUMNS") {
    Installation installation;
    add_failure(installation.database, std::string(500, 'n'), std::string(5000, 'e'));
    const auto widest = [&](std::vector<std::string> env) {
      std::size_t width = 0, length = 0;
      for (const char c : installation.schedctl({"status"}, std::move(env)).out) {
        length = c == '\n' ? 0 : length + ((c & 0xC0) != 0x80);
        width = std::max(width, length);
      }
      return width;
    };

    CHECK(widest({"COLUMNS"}) == 80);
    CHECK(widest({"COLUMNS=120"}) == 120);
  }

  TEST_CASE("without the tables the message names the remedy") {
    const test::Database database(test::Database::Content::nothing);
    const test::TempDir folder;
    const auto config = folder.write("schedctl.toml", database.toml());

    const auto shown = test::run({test::binary(), "--config", config, "status"});

    CHECK(shown.exit_code == 78);
    CHECK(shown.err.find("run \"schedctl migrate\"") != std::string::npos);
    CHECK(shown.out == "");
  }
}
