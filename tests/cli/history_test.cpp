#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "cli/installation.h"

using namespace schedctl;
using test::Installation;

namespace {

void add(test::Database& database, int job, const std::string& type, const std::string& status,
         const std::string& ago) {
  database.query(
      "insert into job_executions (id, job_queue_id, job_type, status, started_at, finished_at, "
      "attempt, result) values "
      "(nextval('execution_ids'), $1, $2, $3, now() - $4::interval, now() - $4::interval, 1, "
      "'{\"n\": 123456789012345678901234567890}')",
      {job, type, status, ago});
}

std::string jobs_of(const test::ProcessResult& result) {
  std::string jobs;
  const auto parsed = nlohmann::json::parse(result.out);
  for (const auto& execution : parsed["executions"]) jobs += execution["job_queue_id"].dump() + ' ';
  return jobs;
}

}  // namespace

TEST_SUITE("cli::history [db]") {
  TEST_CASE("past executions come newest first and through every filter") {
    Installation installation;
    add(installation.database, 1, "mail", "completed", "3 hours");
    add(installation.database, 2, "mail", "failed", "2 hours");
    add(installation.database, 3, "noop", "completed", "1 hour");
    const auto jobs = [&](std::vector<std::string> filters) {
      filters.insert(filters.begin(), {"history", "--json"});
      return jobs_of(installation.schedctl(filters));
    };

    CHECK(jobs({}) == "3 2 1 ");
    CHECK(jobs({"--limit", "2"}) == "3 2 ");
    CHECK(jobs({"--type", "mail"}) == "2 1 ");
    CHECK(jobs({"--status", "completed"}) == "3 1 ");
    CHECK(jobs({"--job", "2"}) == "2 ");
    CHECK(jobs({"--since", "2h30m"}) == "3 2 ");
    CHECK(jobs({"--since", "2020-01-01T00:00:00Z", "--type", "noop"}) == "3 ");
    CHECK(jobs({"--since", "2090-01-01T00:00:00Z"}) == "");
    CHECK(jobs({"--type", "' or true --"}) == "");
  }

  TEST_CASE("numbers of 30 digits come out as they are") {
    Installation installation;
    add(installation.database, 1, "mail", "completed", "1 hour");

    const auto shown = installation.schedctl({"history", "--json"});

    CHECK(shown.out.find("123456789012345678901234567890") != std::string::npos);
    CHECK(shown.out.starts_with("{\"schema_version\":1,\"executions\":[{\"id\":"));
  }

  TEST_CASE("what cannot be right is refused with what would be") {
    Installation installation;
    const auto refused = [&](std::vector<std::string> arguments, const std::string& hint) {
      arguments.insert(arguments.begin(), "history");
      const auto result = installation.schedctl(arguments);
      CHECK(result.exit_code == 64);
      CHECK(result.out == "");
      CHECK_MESSAGE(result.err.find(hint) != std::string::npos, result.err);
    };

    for (const auto* limit : {"-1", "0", "x", "", "1000000000000000000000000000000"})
      refused({"--limit", limit}, "use a number from 1 to 1000000");
    refused({"--status", "foo"},
            "completed, failed, timeout, cancelled, interrupted, lost, skipped, snoozed");
    refused({"--job", "abc"}, "use a number");
    refused({"--since", "5 parsecs"}, "use e.g.");
    refused({"--since", "2026-13-01T00:00:00Z"}, "use e.g.");
  }

  TEST_CASE("people get a table, or are told that there is nothing") {
    Installation installation;
    CHECK(installation.schedctl({"history"}).out == "no executions\n");

    add(installation.database, 1, "evil\x1b[31m", "completed", "1 hour");
    const auto shown = installation.schedctl({"history"});
    CHECK(shown.out.find("evil\\x1b[31m") != std::string::npos);
    CHECK(shown.out.find("+00:00") != std::string::npos);
  }
}
