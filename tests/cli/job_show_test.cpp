#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "cli/installation.h"

using namespace schedctl;
using test::Installation;

TEST_SUITE("cli::job_show [db]") {
  TEST_CASE("an unknown job is one line and exit 1") {
    Installation installation;

    const auto shown = installation.schedctl({"job", "show", "999"});

    CHECK(shown.exit_code == 1);
    CHECK(shown.out == "");
    CHECK(shown.err == "schedctl: job 999: no such job: it never was, or it was removed\n");
    CHECK(installation.schedctl({"job", "show", "abc"}).exit_code == 64);
    CHECK(installation.schedctl({"job", "show"}).exit_code == 64);
    CHECK(installation.schedctl({"job"}).exit_code == 64);
  }

  TEST_CASE("a job comes with its attempts and its last log lines") {
    Installation installation;
    auto& database = installation.database;
    const auto id = database.insert_pending("mail", test::past, "{\"to\":  \"a@example.org\"}");
    database.query(
        "insert into job_executions (id, job_queue_id, job_type, status, finished_at, attempt, "
        "exit_code, error_message) "
        "values (nextval('execution_ids'), $1, 'mail', 'failed', now(), 1, 3, 'exit 3: no server')",
        {id});
    database.query(
        "insert into job_logs (job_execution_id, timestamp, level, stream, message) "
        "select id, now(), 'warn', 'stderr', E'lost\\x1b[2J' from job_executions");

    const auto shown = installation.schedctl({"job", "show", std::to_string(id)});

    CHECK(shown.exit_code == 0);
    for (const auto* part : {"mail", "pending", "{\"to\":  \"a@example.org\"}", "exit 3: no server",
                             "stderr: lost\\x1b[2J"})
      CHECK_MESSAGE(shown.out.find(part) != std::string::npos, shown.out);
    CHECK(shown.out.find('\x1b') == std::string::npos);
  }

  TEST_CASE("--json has the job and its executions") {
    Installation installation;
    const auto id = installation.database.insert_pending("mail", test::past,
                                                         "{\"n\":123456789012345678901234567890}");

    const auto shown = installation.schedctl({"job", "show", std::to_string(id), "--json"});
    const auto parsed = nlohmann::json::parse(shown.out);

    CHECK(parsed["schema_version"] == 1);
    CHECK(parsed["job"]["id"] == id);
    CHECK(parsed["job"]["status"] == "pending");
    CHECK(parsed["job"]["scheduled_for"] == "2020-01-01T00:00:00.000000Z");
    CHECK(parsed["executions"].empty());
    CHECK(shown.out.find("123456789012345678901234567890") != std::string::npos);
  }
}
