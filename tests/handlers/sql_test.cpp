#include "handlers/sql.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "support/claims.h"
#include "support/database.h"
#include "support/process.h"

using namespace schedctl;
using namespace std::chrono_literals;
using handlers::StopReason;
using job::Outcome;
using job::Result;
using test::past;

namespace {

// One claimed job and a handler's run of it, recorded as a tick does it.
struct Run {
  test::Database database;
  config::Database settings = database.config();
  db::Connection connection = database.connect(db::Session::claiming);
  job::Claim claim;
  handlers::Context context;
  std::stop_source stop;
  StopReason reason = StopReason::none;

  explicit Run(const std::string& payload = "{}") {
    database.query("create table effects (what text)");
    database.insert_pending("x", past, payload);
    claim = test::claim(connection, test::claim_request("x")).at(0);
    context.stop = stop.get_token();
    context.stop_reason = [this] { return reason; };
    context.kill_now = [] { return false; };
    context.started = std::chrono::steady_clock::now();
    context.log = [](handlers::Stream, std::string_view) {};
    context.record_in = [this](db::Transaction& tx, const Outcome& outcome) {
      return queue::settle(tx, {test::settled(claim, outcome)}, "host:1").size() == 1;
    };
    context.database = &settings;
  }
  Outcome run_as(const config::SqlHandler& how) {
    config::Handler handler;
    handler.name = "x";
    handler.how = how;
    return handlers::make_sql(handler)->run(claim, context);
  }
  // The handler's session has the role's own search_path, so the statement names the schema.
  Outcome operator()(const std::string& statement) { return run_as({statement, "", false}); }
  std::string table(const std::string& name) const { return database.schema() + "." + name; }
  std::string effects() {
    return database.value("select string_agg(what, ' ' order by what) from effects");
  }
  std::string state() {
    return database.value(
        "select (select count(*) from job_queue) || ' queued, ' || "
        "(select count(*) from job_executions) || ' executed'");
  }
  // Waits until the server runs a statement that sleeps for this handler.
  void wait_until_asleep() {
    test::wait_until(
        [&] {
          return database.value(
                     "select count(*) from pg_stat_activity where wait_event = "
                     "'PgSleep' and query like $1",
                     {"%" + database.schema() + "%"}) == "1";
        },
        "the statement to run");
  }
  std::string sleep_statement() const {
    return "with w as (insert into " + table("effects") +
           " values ('done') returning what) select what, pg_sleep(100) from w";
  }
};

}  // namespace

TEST_SUITE("handlers::sql [db]") {
  TEST_CASE("the statement's work and the job's completion are committed together") {
    Run run;

    const auto outcome = run("insert into " + run.table("effects") + " values ('a'), ('b')");

    CHECK(outcome.result == Result::completed);
    CHECK(outcome.stored);
    CHECK(outcome.json == R"({"rows":2})");
    CHECK(run.effects() == "a b");
    CHECK(run.state() == "0 queued, 1 executed");
    CHECK(run.database.value("select result from job_executions") == R"({"rows": 2})");
  }

  TEST_CASE("a claim that was lost meanwhile undoes the statement's work") {
    Run run;
    run.database.query("update job_queue set claim_token = gen_random_uuid()");

    const auto outcome = run("insert into " + run.table("effects") + " values ('a')");

    CHECK(outcome.result == Result::interrupted);
    CHECK_FALSE(outcome.stored);
    CHECK(run.effects() == "");
    CHECK(run.state() == "1 queued, 0 executed");
  }

  TEST_CASE("a statement that fails leaves nothing behind and says why") {
    Run run;

    const auto outcome = run("with w as (insert into " + run.table("effects") +
                             " values ('a') returning 1) select 1 / (count(*) - 1) from w");

    CHECK(outcome.result == Result::failed);
    CHECK_FALSE(outcome.stored);
    CHECK(outcome.error_class == "sql");
    CHECK(outcome.error_message == "database: division by zero (SQLSTATE 22012)");
    CHECK(run.effects() == "");
  }

  TEST_CASE("$1 is the payload, byte for byte") {
    const std::string payload = "{ \"a\": 1.00, \"b\":\"it's \\\"$1\\\"\" }";
    Run run(payload);

    run("insert into " + run.table("effects") + " values ($1)");

    CHECK(run.effects() == payload);
  }

  TEST_CASE("a single JSON object is the result, anything else is counted") {
    CHECK(Run()("select json_build_object('sent', 3)").json == R"({"sent" : 3})");
    CHECK(Run()("select '[1]'").json == R"({"rows":1})");
    CHECK(Run()("select * from generate_series(1, 7)").json == R"({"rows":7})");
    CHECK(Run()("select '{ no json'").json == R"({"rows":1})");
  }

  TEST_CASE("the statement finds its job in its session's settings") {
    Run run;

    const auto outcome = run(
        "select json_build_object('job', current_setting('schedctl.job_id'), 'attempt', "
        "current_setting('schedctl.attempt'), 'key', current_setting('schedctl.idempotency_key'))");

    CHECK(outcome.json ==
          R"({"job" : "1", "attempt" : "1", "key" : ")" + run.claim.idempotency_key + R"("})");
  }

  TEST_CASE("a statement that runs for too long is ended on the server") {
    Run run;
    run.context.deadline = std::chrono::steady_clock::now() + 200ms;

    const auto outcome = run(run.sleep_statement());

    CHECK(outcome.result == Result::timeout);
    CHECK(outcome.error_class == "timeout");
    CHECK(run.effects() == "");
    CHECK(run.database.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep' "
                             "and query like $1",
                             {"%" + run.database.schema() + "%"}) == "0");
  }

  TEST_CASE("a stop cancels the statement on the server") {
    for (const auto& [reason, result] : {std::pair(StopReason::shutdown, Result::interrupted),
                                         std::pair(StopReason::fence_lost, Result::interrupted),
                                         std::pair(StopReason::cancelled, Result::cancelled)}) {
      Run run;
      run.reason = reason;
      Outcome outcome;
      std::jthread thread([&] { outcome = run(run.sleep_statement()); });

      run.wait_until_asleep();
      run.stop.request_stop();
      thread.join();

      CHECK(outcome.result == result);
      CHECK(run.effects() == "");
    }
  }

  TEST_CASE("a statement must not end the transaction that its job's completion is in") {
    for (const auto* ending :
         {"commit", "rollback", "commit and chain", "commit; begin; select 1"}) {
      CAPTURE(ending);
      Run run;

      const auto outcome = run(ending);

      CHECK(outcome.result == Result::rejected);
      CHECK_FALSE(outcome.stored);
      CHECK(outcome.error_message == "the statement ended its transaction: set autonomous = true");
      CHECK(run.state() == "1 queued, 0 executed");
    }
  }

  TEST_CASE("an autonomous statement commits by itself and leaves the record to the run") {
    Run run;

    const auto outcome = run.run_as({"vacuum " + run.table("effects"), "", true});

    CHECK(outcome.result == Result::completed);
    CHECK_FALSE(outcome.stored);
    CHECK(run.state() == "1 queued, 0 executed");
  }

  TEST_CASE("a role that is not there is the job's failure, not the run's") {
    Run run;

    const auto outcome = run.run_as({"select 1", "nobody_of_this_name", false});

    CHECK(outcome.result == Result::failed);
    CHECK(outcome.error_message.find("nobody_of_this_name") != std::string::npos);
  }

  TEST_CASE("the statement runs with its role's rights, the completion with schedctl's own") {
    Run run;

    const std::string role = "pg_database_owner";  // the tests' own role is its only member
    const auto denied =
        run.run_as({"insert into " + run.table("effects") + " values ('a')", role, false});
    const auto allowed =
        run.run_as({"select json_build_object('role', current_user)", role, false});

    CHECK(denied.result == Result::failed);
    CHECK(denied.error_message.find("permission denied for schema") != std::string::npos);
    CHECK(allowed.json == R"({"role" : "pg_database_owner"})");
    CHECK(allowed.stored);
    CHECK(run.state() == "0 queued, 1 executed");
  }

  TEST_CASE("a server that cannot be reached costs the job no attempt") {
    Run run;
    run.settings.url = "postgresql://127.0.0.1:1/x";
    run.settings.connect_timeout = 100ms;

    const auto outcome = run("select 1");

    CHECK(outcome.result == Result::given_back);
    CHECK_FALSE(outcome.error_message.empty());
  }
}
