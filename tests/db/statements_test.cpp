// What holds for every embedded statement, and the plans of those that decide the speed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "sql/handlers.h"
#include "sql/observe.h"
#include "sql/queue.h"
#include "sql/schedule.h"
#include "support/claims.h"
#include "support/database.h"
#include "util/error.h"

using namespace schedctl;
using test::past;

namespace {

template <std::size_t n>
void prepare_all(db::Connection& connection, const db::Statement (&statements)[n]) {
  for (const auto& statement : statements) {
    CAPTURE(statement.name);
    db::Transaction tx(connection);
    CHECK_NOTHROW(
        tx.exec_text(fmt::format("prepare \"{}\" as {}", statement.name, statement.text)));
    tx.commit();
  }
}

// The plan with the parameters' values unknown or known, as PostgreSQL makes it after some
// executions or at once.
std::string plan(db::Connection& connection, const db::Statement& statement,
                 const std::string& values, const std::string& mode,
                 std::optional<db::Statement> before = {}) {
  db::Transaction tx(connection);
  if (before) tx.exec(*before);
  tx.exec_text(
      fmt::format("set local plan_cache_mode = {}; prepare planned as {}", mode, statement.text));
  std::string text;
  for (const auto& row : tx.exec_text(fmt::format("explain execute planned ({})", values)))
    text += std::string(row[0].c_str()) + "\n";
  tx.exec_text("deallocate planned");
  tx.commit();
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Rows that the planner knows nothing about: no autovacuum comes by while a test runs.
void fill(test::Database& database) {
  database.query("alter table job_queue set (autovacuum_enabled = off)");
  database.query(
      "insert into job_queue (job_type, scheduled_for) "
      "select 'x', $1::timestamptz + i * interval '1 ms' from generate_series(1, 20000) i",
      {past});
}

const char* const modes[] = {"force_custom_plan", "force_generic_plan"};

std::string batch_values(const std::vector<job::Claim>& claims) {
  std::vector<std::string> places;
  std::vector<job::JobId> ids;
  std::vector<job::ExecutionId> executions;
  for (const auto& claim : claims) {
    places.push_back(claim.place);
    ids.push_back(claim.id);
    executions.push_back(claim.execution_id);
  }
  const std::vector<double> times(claims.size(), 1577836800.5);
  const std::vector<int> durations(claims.size(), 1);
  const auto text = [](const db::Param& param) { return *param.text(); };
  return fmt::format("'{}', '{}', '{}', '{{{}}}', 'host:1', '{}', '{}', '{}'", text(places),
                     text(ids), text(executions), claims.at(0).token, text(times), text(times),
                     text(durations));
}

}  // namespace

TEST_SUITE("db::statements [db]") {
  TEST_CASE("every embedded statement fits the newest schema") {
    test::Database database;
    auto connection = database.connect();

    prepare_all(connection, sql::handlers::all);
    prepare_all(connection, sql::observe::all);
    prepare_all(connection, sql::queue::all);
    prepare_all(connection, sql::schedule::all);
  }

  TEST_CASE("no two statements are prepared under one name") {
    std::multiset<std::string> names;
    for (const auto& statement : sql::handlers::all) names.insert(statement.name);
    for (const auto& statement : sql::observe::all) names.insert(statement.name);
    for (const auto& statement : sql::queue::all) names.insert(statement.name);
    for (const auto& statement : sql::schedule::all) names.insert(statement.name);

    CHECK(names.size() == std::set<std::string>(names.begin(), names.end()).size());
    CHECK(names.count("queue.claim") == 1);
  }

  TEST_CASE("a claim walks the index of due jobs, also when the table was filled just now") {
    test::Database database;
    fill(database);
    auto connection = database.connect(db::Session::claiming);

    for (const auto* mode : modes) {
      const auto text = plan(connection, sql::queue::claim,
                             fmt::format("'2021-01-01', 1, '{}', 1000, '{{x}}', '{{-infinity}}', "
                                         "'{{0}}', 5, true",
                                         queue::draw_token()),
                             mode);
      CAPTURE(mode);
      INFO(text);
      CHECK(has(text, "job_queue_due"));
      CHECK(has(text, "Tid Scan"));
      CHECK_FALSE(has(text, "Seq Scan"));
    }
  }

  TEST_CASE("a claim of guarded jobs walks indexes, whatever the planner knows") {
    test::Database database;
    database.query("alter table job_queue set (autovacuum_enabled = off)");
    database.query(
        "insert into job_queue (job_type, group_key, scheduled_for) "
        "select 'x', 'g' || i % 7000, $1::timestamptz from generate_series(1, 20000) i",
        {past});
    auto connection = database.connect(db::Session::claiming);

    for (const auto* mode : modes) {
      const auto text =
          plan(connection, sql::queue::claim_guarded,
               fmt::format("'2021-01-01', 1, '{}', 1000, '{{x}}', '{{null}}', 5, 1, true, 2000",
                           queue::draw_token()),
               mode);
      CAPTURE(mode);
      INFO(text);
      for (const auto* index :
           {"job_queue_due", "job_queue_lanes", "job_queue_group", "job_queue_limited", "Tid Scan"})
        CHECK(has(text, index));
      CHECK_FALSE(has(text, "Seq Scan on job_queue"));
    }
  }

  TEST_CASE("looking for levels reads indexes only") {
    test::Database database;
    fill(database);
    auto connection = database.connect(db::Session::claiming);

    for (const auto* mode : modes) {
      const auto text = plan(connection, sql::queue::levels, "'{x,y}'", mode);
      CAPTURE(mode);
      INFO(text);
      CHECK(has(text, "job_queue_due"));
      CHECK_FALSE(has(text, "Seq Scan"));
    }
  }

  TEST_CASE("a held batch is found by the index of due jobs and finished in its places") {
    test::Database database;
    fill(database);

    for (const auto session : {db::Session::claiming, db::Session::recording})
      for (const auto* mode : modes) {
        auto connection = database.connect(session);
        const auto held =
            plan(connection, sql::queue::hold, "'2021-01-01', 1000, '{x}', '{-infinity}', '{0}', 5",
                 mode, sql::queue::plan_hold);
        const auto finished = plan(connection, sql::queue::finish,
                                   "'{\"(0,1)\"}', '{1}', '{1}', 'host:1', '{1.5}', '{1.5}', '{1}'",
                                   mode, sql::queue::plan_finish);
        CAPTURE(mode);
        INFO(held);
        INFO(finished);
        CHECK(has(held, "job_queue_due"));
        CHECK_FALSE(has(held, "Seq Scan"));
        const auto of_groups = plan(connection, sql::queue::hold_guarded,
                                    "'2021-01-01', 1000, '{x}', 5", mode, sql::queue::plan_hold);
        INFO(of_groups);
        CHECK(has(of_groups, "job_queue_due"));
        CHECK(has(of_groups, "job_queue_group"));
        CHECK_FALSE(has(of_groups, "Seq Scan"));
        CHECK(has(finished, "Tid Scan"));
        CHECK(has(finished, "Hash Join"));
      }
  }

  TEST_CASE("completing a thousand jobs reads each once, in its place, however many there are") {
    test::Database database;
    fill(database);
    auto claiming = database.connect(db::Session::claiming);
    auto connection = database.connect(db::Session::recording);
    const auto values = batch_values(test::claim(claiming, test::claim_request("x")));

    for (const auto* mode : modes) {
      const auto text = plan(connection, sql::queue::complete, values, mode);
      CAPTURE(mode);
      INFO(text);
      CHECK(has(text, "Tid Scan"));
      CHECK(has(text, "Hash Join"));
      CHECK_FALSE(has(text, "Nested Loop"));
      CHECK_FALSE(has(text, "Seq Scan"));
    }
  }

  TEST_CASE("planning reads what is due by indexes, whatever the planner knows") {
    test::Database database;
    fill(database);
    database.query("alter table job_definitions set (autovacuum_enabled = off)");
    database.query(
        "insert into job_definitions (name, handler, written, next_run_at) "
        "select 'd' || i, 'x', '{}', $1::timestamptz + i * interval '1 s' from generate_series(1, "
        "10000) i",
        {past});
    auto connection = database.connect(db::Session::claiming);

    for (const auto* mode : modes) {
      const auto due =
          plan(connection, sql::schedule::plan_due, "'2020-01-01 00:01', 500, true, '{}'", mode);
      const auto states =
          plan(connection, sql::schedule::plan_dependencies, "'{d1}', '2020-01-01'", mode);
      const auto look = plan(connection, sql::queue::levels, "'{x}'", mode);
      CAPTURE(mode);
      INFO(due);
      INFO(states);
      INFO(look);
      for (const auto* index :
           {"job_definitions_due", "job_definitions_waiting", "job_queue_definition"})
        CHECK(has(due, index));
      for (const auto* index :
           {"job_definitions_name_key", "job_queue_definition", "job_executions_definition"})
        CHECK(has(states, index));
      CHECK(has(look, "job_definitions_due"));
      for (const auto& text : {due, states, look}) CHECK_FALSE(has(text, "Seq Scan"));
    }
  }

  TEST_CASE("a rescue finds the jobs of the dead by the index of running jobs") {
    test::Database database;
    fill(database);
    auto connection = database.connect(db::Session::claiming);

    for (const auto* mode : modes) {
      const auto text = plan(connection, sql::queue::rescue, "1, 3, 1000, 'died'", mode);
      CAPTURE(mode);
      INFO(text);
      CHECK(has(text, "job_queue_running"));
      CHECK_FALSE(has(text, "Seq Scan on job_queue"));
    }
  }
}
