#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/installation.h"

using namespace schedctl;
using test::Installation;

namespace {

std::string audit(test::Database& database) {
  return database.value(
      "select coalesce(string_agg(concat_ws(' ', action, job_id, detail ->> 'reason'), ', ' "
      "order by id), '') from audit_log where who = session_user");
}

}  // namespace

TEST_SUITE("cli::job_retry [db]") {
  TEST_CASE(
      "each job gets its own line; one that cannot be cancelled does not hold the others up") {
    Installation installation;
    auto& database = installation.database;
    const auto first = database.insert_pending("mail"), second = database.insert_pending("mail");

    const auto shown = installation.schedctl({"job", "cancel", fmt::format("{}", first), "999",
                                              fmt::format("{}", second), "--reason", "wrong list"});

    CHECK(shown.exit_code == 1);
    CHECK(shown.out == fmt::format("job {} is cancelled\njob {} is cancelled\n", first, second));
    CHECK(shown.err == "schedctl: there is no job 999: it never was, or it was removed\n");
    CHECK(audit(database) ==
          fmt::format("cancel {} wrong list, cancel {} wrong list", first, second));
  }

  TEST_CASE("a dead job is sent back, one that waits is refused") {
    Installation installation;
    auto& database = installation.database;
    const auto job = database.insert_pending("mail");
    const auto id = fmt::format("{}", job);
    installation.schedctl({"job", "cancel", id});

    const auto sent = installation.schedctl({"job", "retry", id});
    const auto refused = installation.schedctl({"job", "retry", id});

    CHECK(sent.exit_code == 0);
    CHECK(sent.out == fmt::format("job {} is pending, due now\n", job));
    CHECK(sent.err == "");
    CHECK(refused.exit_code == 1);
    CHECK(refused.out == "");
    CHECK(refused.err ==
          fmt::format("schedctl: job {} is pending: only failed, timeout and cancelled jobs can be "
                      "retried\n",
                      job));
    CHECK(audit(database) == fmt::format("cancel {0}, retry {0}", job));
  }

  TEST_CASE("--json has one result for each id, in order") {
    Installation installation;
    const auto job = installation.database.insert_pending("mail");

    const auto shown =
        installation.schedctl({"job", "cancel", "999", fmt::format("{}", job), "--json"});
    const auto result = nlohmann::json::parse(shown.out);

    CHECK(shown.exit_code == 1);
    CHECK(shown.err == "");
    CHECK(result["schema_version"] == 1);
    REQUIRE(result["jobs"].size() == 2);
    CHECK(result["jobs"][0]["id"] == 999);
    CHECK(result["jobs"][0]["error"] == "there is no job 999: it never was, or it was removed");
    CHECK(result["jobs"][1] == nlohmann::json{{"id", job}, {"status", "cancelled"}});
  }

  TEST_CASE("an id that is no number is a wrong command line, and nothing is done") {
    Installation installation;
    const auto id = fmt::format("{}", installation.database.insert_pending("mail"));

    for (const std::string verb : {"cancel", "retry"}) {
      CHECK(installation.schedctl({"job", verb, id, "12x"}).exit_code == 64);
      CHECK(installation.schedctl({"job", verb}).exit_code == 64);
    }
    CHECK(installation.schedctl({"job", "cancel", id, "--reason", "\xff"}).exit_code == 65);

    CHECK(audit(installation.database) == "");
    CHECK(installation.database.value("select status from job_queue") == "pending");
  }
}
