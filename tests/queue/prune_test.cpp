#include "queue/prune.h"

#include <doctest/doctest.h>

#include <chrono>

#include "support/database.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::past;

namespace {

struct History {
  void add(job::ExecutionId id, const std::string& status, Time finished_at,
           const db::Param& job = nullptr) {
    database.query(
        "insert into job_executions (id, status, finished_at, job_queue_id, attempt, job_type) "
        "values ($1, $2, $3, $4, 1, 'x')",
        {id, status, finished_at, job});
  }
  void add_line(job::ExecutionId execution, Time at) {
    database.query(
        "insert into job_logs (job_execution_id, timestamp, level, stream, message) values ($1, "
        "$2, "
        "'info', 'stdout', 'line')",
        {execution, at});
  }
  void add_job(job::JobId id, const std::string& status) {
    database.query(
        "insert into job_queue (id, job_type, status, execution_id, claim_token, locked_by) values "
        "($1, 'x', $2, case when $2 = 'running' then 9 end, case when $2 = 'running' then "
        "gen_random_uuid() end, case when $2 = 'running' then 1 end)",
        {id, status});
  }
  int prune(int (*what)(db::Transaction&, Time, int), int limit = 100) {
    auto connection = database.connect(db::Session::claiming);
    db::Transaction tx(connection, db::autocommit);
    return what(tx, past, limit);
  }
  std::string executions() {
    return database.value("select string_agg(id::text, ' ' order by id) from job_executions");
  }
  std::string lines() {
    return database.value(
        "select string_agg(job_execution_id::text, ' ' order by job_execution_id) from job_logs");
  }

  test::Database database;
};

}  // namespace

TEST_SUITE("queue::prune [db]") {
  TEST_CASE("attempts go when they are older than they are to be kept, by their outcome") {
    History history;
    history.add(1, "completed", past - 1s);
    history.add(2, "failed", past - 1s);
    history.add(3, "completed", past);
    history.add(4, "skipped", past - 1s);
    history.add(5, "lost", past);

    CHECK(history.prune(queue::prune_completed) == 1);
    CHECK(history.executions() == "2 3 4 5");
    CHECK(history.prune(queue::prune_failed) == 2);
    CHECK(history.executions() == "3 5");
  }

  TEST_CASE("a batch takes the oldest and no more than its limit") {
    History history;
    for (int i = 1; i <= 5; ++i) history.add(i, "completed", past - i * 1s);

    CHECK(history.prune(queue::prune_completed, 2) == 2);
    CHECK(history.executions() == "1 2 3");
  }

  TEST_CASE("what unfinished jobs have left is kept however old") {
    History history;
    history.add_job(1, "pending");
    history.add_job(2, "running");
    history.add_job(3, "failed");
    for (int job = 1; job <= 3; ++job) {
      history.add(job, "failed", past - 1h, job);
      history.add_line(job, past - 1h);
    }
    history.add_line(9, past - 1h);  // of the attempt that runs
    history.add_line(4, past - 1h);  // of an attempt that is gone

    CHECK(history.prune(queue::prune_logs) == 2);
    CHECK(history.lines() == "1 2 9");
    CHECK(history.prune(queue::prune_failed) == 1);
    CHECK(history.executions() == "1 2");
  }

  TEST_CASE("two runs that prune at once share the work") {
    History history;
    for (int i = 1; i <= 4; ++i) history.add(i, "completed", past - 1s);
    auto connection = history.database.connect(db::Session::claiming);
    db::Transaction tx(connection);

    CHECK(queue::prune_completed(tx, past, 3) == 3);
    CHECK(history.prune(queue::prune_completed) == 1);
    tx.commit();
    CHECK(history.executions() == "");
  }

  TEST_CASE(
      "the last attempt of a definition stays, as others may depend on it; skipped slots go") {
    History history;
    for (const auto id : {1, 2, 11, 12, 13})
      history.add(id, id == 2 || id > 11 ? "failed" : "completed", past - 1s, id);
    history.add(14, "skipped", past - 1s);
    history.database.query("update job_executions set job_definition_id = id / 10");
    const auto outlived = [&] {
      auto connection = history.database.connect(db::Session::claiming);
      db::Transaction tx(connection, db::autocommit);
      return queue::outlived(tx, {});
    };
    CHECK(outlived());

    CHECK(history.prune(queue::prune_completed) == 2);
    CHECK(history.prune(queue::prune_failed) == 2);

    CHECK(history.executions() == "2 13");
    CHECK_FALSE(outlived());
    history.add(15, "completed", past - 1s, 15);
    history.database.query("update job_executions set job_definition_id = 1 where id = 15");
    CHECK(outlived());
    CHECK(history.prune(queue::prune_failed) == 1);
    CHECK(history.executions() == "2 15");
  }
}
