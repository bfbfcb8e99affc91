#include "queue/settle.h"

#include <doctest/doctest.h>

#include <chrono>

#include "support/claims.h"
#include "support/database.h"
#include "support/quiet_log.h"

using namespace schedctl;
using namespace std::chrono_literals;
using job::Result;
using test::past;
using test::policy;
using test::settled;
using Executions = std::vector<job::ExecutionId>;

namespace {

// A claimed job on a connection as the recorder has it.
struct Claimed {
  test::Database database;
  db::Connection connection = database.connect(db::Session::recording);
  job::Claim claim;

  explicit Claimed(const std::string& columns = "job_type", const std::string& values = "'x'") {
    database.query(
        "insert into job_queue (scheduled_for, " + columns + ") values ($1, " + values + ")",
        {past});
    claim = test::claim(connection, test::claim_request("x")).at(0);
  }
  Executions settle(const job::Outcome& outcome, const queue::RetryPolicy& retry = policy(3)) {
    return test::settle(connection, {settled(claim, outcome, retry)});
  }
  Executions complete(const job::Claim& shown) {
    db::Transaction tx(connection);
    const auto stored = queue::complete(tx, {settled(shown, {})}, "host:1");
    tx.commit();
    return stored;
  }
  std::string queued(const std::string& columns) {
    return database.value("select concat_ws(' ', " + columns + ") from job_queue");
  }
  std::string executed(const std::string& columns) {
    return database.value("select concat_ws(' ', " + columns + ") from job_executions");
  }
};

}  // namespace

TEST_SUITE("queue::settle [db]") {
  TEST_CASE("a definition's own delays go before those of its handler") {
    test::Database database;
    database.query(
        "insert into job_definitions (name, handler, policies) values "
        "('own', 'x', '{\"retry\": {\"backoff\": \"list\", \"delays_ms\": [60000, 90000]}}'), "
        "('none', 'x', '{}'), ('later', 'x', '{\"retry\": {\"backoff\": \"lunar\"}}')");
    database.query(
        "insert into job_queue (job_type, scheduled_for, definition_id, attempts) "
        "select 'x', $1::timestamptz, d.id, tries from job_definitions d, unnest(array[0, 1]) "
        "tries "
        "union all select 'x', $1::timestamptz, null, 0",
        {past});
    auto connection = database.connect(db::Session::recording);
    const test::QuietLog quiet;

    std::vector<queue::Settled> batch;
    for (const auto& claim : test::claim(connection, test::claim_request("x")))
      batch.push_back(settled(claim, {.result = Result::failed}, policy(3)));
    CHECK(test::settle(connection, batch).size() == 7);

    // Handlers: ten seconds. Failed two seconds after `past`.
    CHECK(database.value(
              "select string_agg(concat(coalesce(d.name, '-'), q.attempts, '=', "
              "extract(epoch from q.scheduled_for - $1::timestamptz - interval '2 s')::int), ' ' "
              "order by d.name, q.attempts) from job_queue q left join job_definitions d on d.id = "
              "q.definition_id",
              {past}) == "later1=10 later2=10 none1=10 none2=10 own1=60 own2=90 -1=10");
  }

  TEST_CASE("a completed job leaves the queue and history carries it") {
    Claimed held("job_type, priority, group_key, unique_key, payload",
                 "'x', 5, 'g', 'u', '{\"a\": 1}'");

    CHECK(held.complete(held.claim) == Executions{held.claim.execution_id});

    CHECK(held.database.value("select count(*) from job_queue") == "0");
    CHECK(held.executed("id, job_queue_id, status, attempt, worker, duration_ms, priority, "
                        "job_type, group_key, unique_key, payload") ==
          std::to_string(held.claim.execution_id) +
              " 1 completed 1 host:1 1000 5 x g u {\"a\": 1}");
    CHECK(held.executed("job_scheduled_for = '2020-01-01Z', job_created_at is not null") == "t t");
  }

  TEST_CASE("who shows a stale token or execution changes nothing and writes nothing") {
    Claimed held;
    auto stale_token = held.claim;
    stale_token.token = queue::draw_token();
    auto stale_execution = held.claim;
    stale_execution.execution_id += 1;
    auto other_job = held.claim;
    other_job.id += 1;
    const auto before = held.database.value("select job_queue::text from job_queue");

    for (const auto& stale : {stale_token, stale_execution, other_job}) {
      CHECK(held.complete(stale).empty());
      for (const auto result : {Result::completed, Result::failed, Result::rejected,
                                Result::snoozed, Result::interrupted, Result::skipped}) {
        CHECK(test::settle(held.connection, {settled(stale, {.result = result})}).empty());
      }
    }
    for (const auto& stale : {stale_token, stale_execution}) {
      db::Transaction tx(held.connection);
      queue::give_back(tx, 1, std::vector{stale});
      tx.commit();
    }

    CHECK(held.database.value("select job_queue::text from job_queue") == before);
    CHECK(held.database.value("select count(*) from job_executions") == "0");
  }

  TEST_CASE("within one batch the fence holds for each job by itself") {
    test::Database database;
    for (int i = 0; i < 3; ++i) database.insert_pending("x");
    auto connection = database.connect(db::Session::recording);
    auto claims = test::claim(connection, test::claim_request("x"));
    REQUIRE(claims.size() == 3);
    claims[1].execution_id += 1000;

    const auto stored =
        test::settle(connection, {settled(claims[0], {.result = Result::failed}, policy(3)),
                                  settled(claims[1], {.result = Result::failed}, policy(3)),
                                  settled(claims[2], {.json = "{}"})});

    CHECK(stored.size() == 2);
    CHECK(database.value("select string_agg(status, ' ' order by id) from job_queue") ==
          "pending running");
    CHECK(database.value("select count(*) from job_executions") == "2");
  }

  TEST_CASE("an outcome that is stored twice counts once") {
    Claimed held;

    CHECK(held.settle({.result = Result::failed}).size() == 1);
    CHECK(held.settle({.result = Result::failed}).empty());

    CHECK(held.database.value("select count(*) from job_executions") == "1");
  }

  TEST_CASE("a failed job waits for its backoff, and history tells how the attempt went") {
    Claimed held("job_type, payload", "'x', '{\"a\": 1}'");

    held.settle({.result = Result::failed,
                 .error_class = "exit",
                 .error_message = "exit code 3",
                 .exit_code = 3,
                 .cpu_ms = 20,
                 .peak_rss_bytes = 4096});

    CHECK(held.queued("status, attempts, locked_by, claim_token, error_message") ==
          "pending 1 exit code 3");
    CHECK(held.queued("scheduled_for = '2020-01-01 00:00:12Z'") == "t");
    CHECK(held.executed("status, attempt, exit_code, cpu_ms, peak_rss_bytes, error_class, "
                        "error_message") == "failed 1 3 20 4096 exit exit code 3");
    CHECK(held.executed("job_scheduled_for, job_created_at, payload, priority") == "");
  }

  TEST_CASE("a dead job stays for a person to decide, and history carries the job") {
    Claimed held("job_type, group_key, unique_key, payload", "'x', 'g', 'u', '{\"a\": 1}'");

    held.settle({.result = Result::failed, .error_class = "signal", .signal = 9}, policy(0));

    CHECK(held.queued("status, attempts") == "failed 1");
    CHECK(held.executed("status, signal, priority, group_key, unique_key, payload") ==
          "failed 9 5 g u {\"a\": 1}");
    CHECK(held.executed("job_scheduled_for = '2020-01-01Z', job_created_at is not null") == "t t");
  }

  TEST_CASE("a timeout is dead as timeout, a refused job as failed at once") {
    Claimed late, refused;

    late.settle({.result = Result::timeout}, policy(0));
    refused.settle({.result = Result::rejected});

    CHECK(late.queued("status") == "timeout");
    CHECK(refused.queued("status") == "failed");
  }

  TEST_CASE("a snoozed job comes back later and the attempt does not count") {
    Claimed held;

    held.settle({.result = Result::snoozed, .retry_after = 90s});

    CHECK(held.queued("status, attempts, snoozes, interruptions") == "pending 0 1 0");
    CHECK(held.queued("scheduled_for = '2020-01-01 00:01:32Z'") == "t");
    CHECK(held.executed("status, attempt") == "snoozed 1");
  }

  TEST_CASE("a job may snooze a hundred times, then it is dead") {
    Claimed last("job_type, snoozes", "'x', 99"), too_often("job_type, snoozes", "'x', 100");

    last.settle({.result = Result::snoozed});
    too_often.settle({.result = Result::snoozed});

    CHECK(last.queued("status, snoozes") == "pending 100");
    CHECK(too_often.queued("status, error_message") == "failed snoozed more than 100 times");
    CHECK(too_often.executed("status, payload") == "snoozed {}");
  }

  TEST_CASE("an interrupted job is due as it was, with one interruption more") {
    Claimed held;

    held.settle({.result = Result::interrupted});

    CHECK(held.queued("status, attempts, interruptions") == "pending 1 1");
    CHECK(held.queued("scheduled_for = '2020-01-01Z'") == "t");
    CHECK(held.executed("status") == "interrupted");
  }

  TEST_CASE("a job that was interrupted too often is dead") {
    Claimed held("job_type, interruptions, attempts", "'x', 3, 3");

    held.settle({.result = Result::interrupted});

    CHECK(held.queued("status, interruptions") == "failed 4");
  }

  TEST_CASE("a skipped job leaves the queue, also when it never started") {
    Claimed held;
    auto expired = settled(held.claim, job::expired_outcome());
    expired.started_at.reset();

    test::settle(held.connection, {expired});

    CHECK(held.database.value("select count(*) from job_queue") == "0");
    CHECK(held.executed("status, error_class, started_at, duration_ms, payload") ==
          "skipped expired {}");
  }

  TEST_CASE("who asked for a cancellation gets it instead of a retry") {
    for (const auto result : {Result::failed, Result::snoozed, Result::interrupted}) {
      Claimed held;
      held.database.query("update job_queue set cancel_requested_at = now()");

      held.settle({.result = result});

      CHECK(held.queued("status") == "cancelled");
      CHECK(held.executed("payload") == "{}");  // the row that ends the job
    }
  }

  TEST_CASE("a job that was over before its cancellation came stays what it became") {
    Claimed done, dead;
    for (auto* held : {&done, &dead})
      held->database.query("update job_queue set cancel_requested_at = now()");

    done.settle({.json = "{}"});
    dead.settle({.result = Result::failed}, policy(0));

    CHECK(done.database.value("select count(*) from job_queue") == "0");
    CHECK(dead.queued("status") == "failed");
  }

  TEST_CASE("a job that was given back is as if it had never been claimed") {
    Claimed held;
    db::Transaction tx(held.connection);

    queue::give_back(tx, 1, std::vector{held.claim});
    tx.commit();

    CHECK(held.queued("status, attempts, interruptions, snoozes, locked_by, "
                      "claim_token") == "pending 0 0 0");
    CHECK(held.queued("scheduled_for = '2020-01-01Z'") == "t");
    CHECK(held.database.value("select count(*) from job_executions") == "0");
  }

  TEST_CASE("a job that is given back after its cancellation is cancelled") {
    Claimed held;
    held.database.query("update job_queue set cancel_requested_at = now()");
    db::Transaction tx(held.connection);

    queue::give_back(tx, 1, std::vector{held.claim});
    tx.commit();

    CHECK(held.queued("status, attempts") == "cancelled 0");
    CHECK(held.executed("status, attempt") == "cancelled 1");
  }

  TEST_CASE("what was stored before an answer got lost can be asked for") {
    Claimed held;
    held.complete(held.claim);
    held.database.query(
        "insert into job_executions (id, job_type, status, finished_at, attempt, worker) values "
        "(1001, 'x', 'failed', now(), 1, 'other:2'), (1002, 'x', 'lost', now(), 1, 'host:1')");

    db::Transaction tx(held.connection);
    const auto stored = queue::recorded(tx, {held.claim.execution_id, 1000, 1001, 1002}, "host:1");

    CHECK(stored == Executions{held.claim.execution_id});
  }

  TEST_CASE("a thousand outcomes are stored at once, whatever they are") {
    test::Database database;
    database.query(
        "insert into job_queue (job_type, scheduled_for) "
        "select 'x', $1 from generate_series(1, 2000)",
        {past});
    auto connection = database.connect(db::Session::recording);
    const auto plain = test::claim(connection, test::claim_request("x"));
    const auto others = test::claim(connection, test::claim_request("x"));
    REQUIRE(plain.size() == 1000);
    REQUIRE(others.size() == 1000);
    const Result results[] = {Result::completed, Result::failed, Result::rejected, Result::snoozed};
    std::vector<queue::Settled> lean, full;
    for (std::size_t i = 0; i < 1000; ++i) {
      lean.push_back(settled(plain[i], {}));
      full.push_back(settled(
          others[i], {.result = results[i % 4], .error_message = "it's {\"odd\", \\ NULL}\n"}));
    }

    db::Transaction tx(connection);
    CHECK(queue::complete(tx, lean, "host:1").size() == 1000);
    CHECK(queue::settle(tx, full, "host:1").size() == 1000);
    tx.commit();

    CHECK(database.value("select string_agg(status || ' ' || n, ', ' order by status) from (select "
                         "status, count(*) as n from job_executions group by status) as s") ==
          "completed 1250, failed 500, snoozed 250");
    CHECK(database.value("select string_agg(status || ' ' || n, ', ' order by status) from (select "
                         "status, count(*) as n from job_queue group by status) as s") ==
          "failed 250, pending 500");
    CHECK(database.value("select distinct error_message from job_executions where status = "
                         "'failed'") == "it's {\"odd\", \\ NULL}\n");
  }
}
