#include "run/sweep.h"

#include <doctest/doctest.h>

#include <chrono>

#include "support/claims.h"
#include "support/database.h"
#include "util/error.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::past;

namespace {

struct Sweeper {
  Sweeper() { config.handlers["noop"].name = "noop"; }

  run::Backlog::Levels levels() {
    db::Transaction tx(connection, db::autocommit);
    return queue::waiting(tx, {"noop"}).levels;
  }
  int batch(int limit) { return sweep.batch(connection, levels(), limit); }

  test::Database database;
  config::Config config;
  handlers::Registry handlers = handlers::make_handlers(config);
  DatabaseClock clock{past + 1h};
  db::Connection connection = database.connect(db::Session::claiming);
  run::Sweep sweep{{handlers, clock, "host:1"}};
};

}  // namespace

TEST_SUITE("run::sweep [db]") {
  TEST_CASE("jobs are taken, run and recorded in one transaction, longest overdue first") {
    Sweeper here;
    const auto later = here.database.insert_pending("noop", past + 1s);
    const auto first = here.database.insert_pending("noop", past, "{\"n\": 1}");

    CHECK(here.batch(1) == 1);

    CHECK(here.database.value("select id from job_queue") == std::to_string(later));
    CHECK(
        here.database.value("select concat_ws(' ', job_queue_id, status, attempt, worker, payload, "
                            "started_at <= finished_at) from job_executions") ==
        std::to_string(first) + " completed 1 host:1 {\"n\": 1} t");
  }

  TEST_CASE("what another sweep holds is passed over, and is there again when that one fails") {
    Sweeper here;
    for (int i = 0; i < 4; ++i) here.database.insert_pending("noop");
    const auto levels = here.levels();
    auto other = here.database.connect(db::Session::recording);
    {
      db::Transaction tx(other);
      queue::ClaimRequest request;
      request.now = past + 1h;
      request.priority = job::default_priority;
      request.job_types = {"noop"};
      request.after = {{}};
      request.limit = 3;
      REQUIRE(queue::hold(tx, request).size() == 3);
      CHECK(here.sweep.batch(here.connection, levels, 10) == 1);
    }
    CHECK(here.batch(10) == 3);
    CHECK(here.database.value("select count(*) from job_executions") == "4");
  }

  TEST_CASE("jobs of a group run one after the other, in their order, while none of it runs") {
    Sweeper here;
    for (const auto* group : {"a", "b", "a", "b", "a"})
      here.database.query("select enqueue('noop', scheduled_for => '2020-01-01', group_key => $1)",
                          {group});
    here.database.query("select enqueue('other', scheduled_for => '2020-01-01', group_key => 'b')");
    auto session = here.database.connect();
    test::add_worker(session);
    auto request = test::claim_request("other");
    {
      db::Transaction tx(session);
      REQUIRE(
          queue::claim_guarded(tx, request, queue::ClaimClass::guarded, {std::nullopt}).size() ==
          1);
      tx.commit();
    }

    CHECK(here.batch(10) == 3);

    CHECK(here.database.value("select string_agg(job_queue_id::text, ' ' order by started_at, "
                              "finished_at) from job_executions") == "1 3 5");
    CHECK(here.database.value("select bool_and(started_at >= before) from (select started_at, "
                              "lag(finished_at) over (order by started_at, finished_at) as before "
                              "from job_executions) e where before is not null") == "t");
    CHECK(here.database.value("select string_agg(id::text, ' ' order by id) from job_queue "
                              "where job_type = 'noop'") == "2 4");
  }

  TEST_CASE("limited jobs are left to the claim that counts them") {
    Sweeper here;
    here.database.query(
        "insert into job_queue (job_type, limited, scheduled_for) "
        "values ('noop', true, '2020-01-01')");
    CHECK(here.batch(10) == 0);
  }

  TEST_CASE("jobs of groups, expired ones and those that are not due are left alone") {
    Sweeper here;
    here.database.query("select enqueue('noop', scheduled_for => '2020-01-01', group_key => 'g')");
    here.database.query(
        "select enqueue('noop', scheduled_for => '2020-01-01', expires_at => '2020-01-01 00:30Z')");
    here.database.insert_pending("noop", past + 2h);

    run::Backlog::Levels open;
    for (const auto& level : here.levels())
      if (level.claim_class == queue::ClaimClass::open) open.push_back(level);
    CHECK(here.sweep.batch(here.connection, open, 10) == 0);
    CHECK(here.database.value("select count(*) from job_queue") == "3");
  }

  TEST_CASE("a batch that cannot be recorded has not happened") {
    Sweeper here;
    here.database.insert_pending("noop");
    here.database.query("alter table job_executions add constraint full_disk check (false)");

    CHECK_THROWS_AS(here.batch(10), DatabaseError);

    CHECK(here.database.value("select concat_ws(' ', status, attempts) from job_queue") ==
          "pending 0");
  }

  TEST_CASE("a job that is no longer held cannot be finished") {
    Sweeper here;
    here.database.insert_pending("noop");
    queue::Settled settled;
    settled.claim.id = 1;
    settled.claim.place = "(0,1)";
    settled.started_at = settled.finished_at = past;
    here.database.query("delete from job_queue");

    db::Transaction tx(here.connection);
    CHECK_THROWS_WITH_AS(queue::finish(tx, {settled}, "host:1"),
                         "a job was finished that is not held", Error);
  }
}
