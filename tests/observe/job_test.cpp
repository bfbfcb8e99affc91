#include "observe/job.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "support/database.h"

using namespace schedctl;

namespace {

std::optional<observe::Job> find(const test::Database& database, job::JobId id) {
  auto connection = database.connect();
  db::Transaction tx(connection);
  return observe::job(tx, id);
}

std::set<std::string> keys_of(const std::string& json) {
  std::set<std::string> keys;
  const auto parsed = nlohmann::json::parse(json);
  for (const auto& [key, value] : parsed.items()) keys.insert(key);
  return keys;
}

std::set<std::string> columns_of(test::Database& database, const std::string& view) {
  std::set<std::string> columns;
  for (const auto& row : database.query(
           "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0", {view}))
    columns.insert(row[0].c_str());
  return columns;
}

}  // namespace

TEST_SUITE("observe::job [db]") {
  TEST_CASE("the payload is shown byte for byte, queued or finished") {
    const std::string payload =
        "{\"a\": 1, \"a\":123456789012345678901234567890.10,  \"b\":\"\\u00e4\"}";
    test::Database database;
    const auto waiting = database.insert_pending("mail", test::past, payload);
    database.query(
        "insert into job_executions (id, job_queue_id, job_type, status, finished_at, attempt, "
        "priority, payload) "
        "values (1, 77, 'mail', 'completed', now(), 2, 5, $1)",
        {payload});

    for (const auto id : {waiting, job::JobId{77}}) {
      const auto job = find(database, id);
      REQUIRE(job);
      CHECK(job->payload == payload);
      CHECK(job->json.find(payload) != std::string::npos);
    }
    CHECK(find(database, 77)->status == "completed");
    CHECK(find(database, 77)->attempts == 2);
  }

  TEST_CASE("its keys are the columns of the views") {
    test::Database database;
    const auto id = database.insert_pending("mail");
    database.query(
        "insert into job_executions (id, job_queue_id, job_type, status, finished_at, attempt) "
        "values (1, $1, 'mail', 'failed', now(), 1)",
        {id});

    const auto job = find(database, id);

    REQUIRE(job);
    CHECK(keys_of(job->json) == columns_of(database, "jobs"));
    REQUIRE(job->executions.size() == 1);
    CHECK(keys_of(job->executions[0].json) == columns_of(database, "executions"));
  }

  TEST_CASE("the running attempt is among the attempts") {
    test::Database database;
    database.query(
        "insert into job_queue (id, job_type, status, claim_token, locked_by, locked_at, "
        "execution_id, attempts) "
        "values (5, 'mail', 'running', gen_random_uuid(), 1, now(), 12, 2)");
    database.query(
        "insert into job_executions (id, job_queue_id, job_type, status, started_at, finished_at, "
        "attempt) "
        "values (11, 5, 'mail', 'lost', now(), now(), 1)");

    const auto job = find(database, 5);

    REQUIRE(job);
    REQUIRE(job->executions.size() == 2);
    CHECK(job->executions[0].status == "lost");
    CHECK(job->executions[1].status == "running");
    CHECK_FALSE(job->executions[1].finished_at);
  }

  TEST_CASE("an unknown job is nothing") {
    test::Database database;
    CHECK_FALSE(find(database, 1));
  }
}
