#include "observe/logs.h"

#include <doctest/doctest.h>

#include "support/database.h"

using namespace schedctl;

namespace {

std::vector<observe::LogLine> lines_of(const test::Database& database,
                                       const observe::LogFilter& filter) {
  auto connection = database.connect();
  db::Transaction tx(connection);
  return observe::logs(tx, filter);
}

}  // namespace

TEST_SUITE("observe::logs [db]") {
  TEST_CASE("lines of a job include those of the attempt that runs") {
    test::Database database;
    database.query(
        "insert into job_queue (id, job_type, status, claim_token, locked_by, locked_at, "
        "execution_id, attempts) "
        "values (5, 'mail', 'running', gen_random_uuid(), 1, now(), 12, 1)");
    database.query(
        "insert into job_logs (job_execution_id, timestamp, level, stream, message) "
        "values (12, now(), 'info', 'stdout', 'mine'), (13, now(), 'info', 'stdout', "
        "'another''s')");

    observe::LogFilter filter;
    filter.job = 5;
    const auto lines = lines_of(database, filter);

    REQUIRE(lines.size() == 1);
    CHECK(lines[0].message == "mine");
    CHECK(lines[0].execution == 12);
  }

  TEST_CASE("data keeps its numbers exact") {
    test::Database database;
    database.query(
        "insert into job_logs (job_execution_id, timestamp, level, stream, message, data) "
        "values (1, now(), 'info', 'schedctl', 'm', '{\"n\":123456789012345678901234567890}')");

    const auto lines = lines_of(database, {});

    REQUIRE(lines.size() == 1);
    CHECK(lines[0].data == "{\"n\": 123456789012345678901234567890}");
    CHECK(lines[0].json.find("123456789012345678901234567890") != std::string::npos);
  }

  TEST_CASE("the last lines of a job are found by index, however many others there are") {
    test::Database database;
    database.query(
        "insert into job_executions (id, job_queue_id, job_type, status, finished_at, attempt) "
        "select i, i, 'mail', 'completed', now(), 1 from generate_series(1, 2000) i");
    database.query(
        "insert into job_logs (job_execution_id, timestamp, level, stream, message) "
        "select i % 2000 + 1, now(), 'info', 'stdout', i::text from generate_series(0, 19999) i");
    database.query("analyze job_logs, job_executions");

    auto connection = database.connect();
    db::Transaction tx(connection);
    observe::LogFilter filter;
    filter.job = 7;
    filter.limit = 3;
    const auto lines = observe::logs(tx, filter);
    const auto fetched =
        tx.exec_text("select pg_stat_get_xact_tuples_fetched('job_logs'::regclass)")[0][0]
            .as<int>();

    REQUIRE(lines.size() == 3);
    CHECK(lines[2].message == "18006");
    CHECK(fetched < 20);
  }
}
