#include "queue/rescue.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <future>
#include <optional>

#include "db/migrate.h"
#include "queue/worker.h"
#include "support/claims.h"
#include "support/database.h"
#include "support/pooler.h"
#include "support/process.h"
#include "support/server.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::past;

namespace {

queue::Registration registration(const db::Connection& connection, Duration lease = 1h) {
  return {"box",
          4711,
          lease,
          "boot",
          "/run/worker.lock",
          "1.0",
          connection.local_address(),
          connection.database().pooled};
}

job::WorkerId register_on(db::Connection& connection, Duration lease = 1h) {
  db::Transaction tx(connection);
  const auto id = queue::register_worker(tx, registration(connection, lease));
  tx.commit();
  return id;
}

std::vector<job::Claim> claim_for(db::Connection& connection, job::WorkerId worker,
                                  int limit = 1000) {
  auto request = test::claim_request("x", limit);
  request.worker = worker;
  return test::claim(connection, request);
}

std::vector<queue::Rescued> rescue(db::Connection& connection, job::WorkerId worker,
                                   int limit = 1000) {
  db::Transaction tx(connection);
  auto rescued = queue::rescue(tx, worker, 3, limit, "worker box:4711 died: its lease is over");
  tx.commit();
  return rescued;
}

bool deregister(db::Connection& connection, job::WorkerId worker) {
  db::Transaction tx(connection);
  const bool gone = queue::deregister_worker(tx, worker);
  tx.commit();
  return gone;
}

bool declare_dead(db::Connection& connection, job::WorkerId worker, Time lease_until) {
  db::Transaction tx(connection, db::autocommit);
  return queue::declare_dead(tx, worker, lease_until);
}

queue::WorkerSign sign_of(test::Database& database, job::WorkerId worker) {
  auto connection = database.connect();
  db::Transaction tx(connection, db::autocommit);
  for (const auto& sign : queue::other_workers(tx, 0))
    if (sign.id == worker) return sign;
  FAIL("worker not listed");
  return {};
}

}  // namespace

TEST_SUITE("queue::worker [db]") {
  TEST_CASE("a registered worker shows every sign of life") {
    test::Database database;
    auto connection = database.connect(db::Session::heartbeat);

    const auto sign = sign_of(database, register_on(connection));

    CHECK(sign.host == "box");
    CHECK(sign.pid == 4711);
    CHECK(sign.boot_id == "boot");
    CHECK(sign.lock_file == "/run/worker.lock");
    CHECK(sign.direct == !test::pooled());
    CHECK(sign.same_server);
    CHECK(sign.has_lock == !test::pooled());
    CHECK_FALSE(sign.lease_over);
  }

  TEST_CASE("a worker does not look at itself") {
    test::Database database;
    auto connection = database.connect(db::Session::heartbeat);
    const auto self = register_on(connection);

    db::Transaction tx(connection);
    CHECK(queue::other_workers(tx, self).empty());
  }

  TEST_CASE("workers of two installations on one server do not share a lock") {
    if (test::needs_session("the lock is one of a session")) return;
    test::Database one, other;
    auto connection = one.connect(db::Session::heartbeat);
    auto elsewhere = other.connect(db::Session::heartbeat);
    const auto dead = register_on(connection);
    REQUIRE(register_on(elsewhere) == dead);

    connection = one.connect(db::Session::heartbeat);
    test::wait_until([&] { return !sign_of(one, dead).has_lock; }, "the session to end");

    CHECK(sign_of(other, dead).has_lock);
  }

  TEST_CASE("behind a proxy a session that ended says nothing, so the worker is not direct") {
    test::Database database;
    auto connection = database.connect(db::Session::heartbeat);
    auto proxied = registration(connection);
    proxied.local_address = "192.0.2.1";

    db::Transaction tx(connection);
    const auto worker = queue::register_worker(tx, proxied);
    tx.commit();

    CHECK(sign_of(database, worker).direct == (!test::pooled() && !connection.local_address()));
  }

  TEST_CASE("a worker behind a pooler has neither a lock nor a session of its own to lose") {
    test::Database database;
    auto connection = database.connect_directly(db::Session::heartbeat);
    auto pooled = registration(connection, -1s);
    pooled.pooled = true;
    db::Transaction tx(connection, db::autocommit);

    const auto worker = queue::register_worker(tx, pooled);
    CHECK_FALSE(sign_of(database, worker).direct);
    CHECK_FALSE(sign_of(database, worker).has_lock);
    CHECK(sign_of(database, worker).lease_over);

    pooled.lease = 1h;
    CHECK(queue::relock_worker(tx, worker, pooled) == queue::Relock::done);
    CHECK_FALSE(sign_of(database, worker).direct);
    CHECK_FALSE(sign_of(database, worker).has_lock);
    CHECK_FALSE(sign_of(database, worker).lease_over);
  }

  TEST_CASE("renewing gives a worker its lease back and tells what is to be cancelled") {
    test::Database database;
    for (int i = 0; i < 3; ++i) database.insert_pending("x");
    auto connection = database.connect(db::Session::heartbeat);
    const auto worker = register_on(connection, -1s);
    const auto claims = claim_for(connection, worker);
    REQUIRE(claims.size() == 3);
    database.query("update job_queue set cancel_requested_at = now() where id = $1",
                   {claims[1].id});
    REQUIRE(sign_of(database, worker).lease_over);

    db::Transaction tx(connection);
    const bool alive = queue::renew(tx, worker, 1h);
    const auto cancelled = queue::cancelled(tx, worker);
    tx.commit();

    CHECK(alive);
    CHECK(cancelled == std::vector<job::ExecutionId>{claims[1].execution_id});
    CHECK_FALSE(sign_of(database, worker).lease_over);
  }

  TEST_CASE("a worker that was declared dead learns it when it renews") {
    test::Database database;
    auto connection = database.connect(db::Session::heartbeat);
    const auto worker = register_on(connection);
    REQUIRE(deregister(connection, worker));

    db::Transaction tx(connection);
    CHECK_FALSE(queue::renew(tx, worker, 1h));
    CHECK(queue::relock_worker(tx, worker, registration(connection)) ==
          queue::Relock::declared_dead);
  }

  TEST_CASE("whoever has renewed its lease since it was looked at cannot be declared dead") {
    test::Database database;
    auto connection = database.connect(db::Session::heartbeat);
    const auto worker = register_on(connection, -1s);
    const auto seen = sign_of(database, worker).lease_until;
    {
      db::Transaction tx(connection, db::autocommit);
      REQUIRE(queue::renew(tx, worker, 1h));
    }

    CHECK_FALSE(declare_dead(connection, worker, seen));
    CHECK_FALSE(sign_of(database, worker).lease_over);
  }

  TEST_CASE("a worker that was declared dead renews nothing, locks nothing and claims nothing") {
    test::Database database;
    database.insert_pending("x");
    database.query("select enqueue('x', group_key => 'g')");
    auto connection = database.connect(db::Session::heartbeat);
    const auto worker = register_on(connection);
    const auto seen = sign_of(database, worker).lease_until;
    CHECK(declare_dead(connection, worker, seen));
    CHECK(declare_dead(connection, worker, seen));  // whoever comes second

    CHECK(claim_for(connection, worker).empty());
    db::Transaction tx(connection);
    CHECK_FALSE(queue::renew(tx, worker, 1h));
    CHECK(queue::relock_worker(tx, worker, registration(connection)) ==
          queue::Relock::declared_dead);
    tx.commit();
    CHECK(sign_of(database, worker).lease_over);
  }

  TEST_CASE("a worker that is declared dead while it takes its lock again hears of it") {
    test::Database database;
    auto old = database.connect(db::Session::heartbeat);
    auto fresh = database.connect(db::Session::heartbeat);
    auto rescuer = database.connect();
    const auto worker = register_on(old);
    const auto seen = sign_of(database, worker).lease_until;
    old.sever();
    test::wait_until([&] { return !sign_of(database, worker).has_lock; }, "the session to end");

    db::Transaction verdict(rescuer);
    const int process = verdict.exec_text("select pg_backend_pid()")[0][0].as<int>();
    REQUIRE(queue::declare_dead(verdict, worker, seen));
    auto relock = std::async(std::launch::async, [&] {
      db::Transaction tx(fresh, db::autocommit);
      return queue::relock_worker(tx, worker, registration(fresh));
    });
    test::wait_until(
        [&] {
          return database.value(
                     "select count(*) from pg_stat_activity where $1 = any(pg_blocking_pids(pid))",
                     {process}) == "1";
        },
        "the worker to wait for the verdict");
    verdict.commit();

    CHECK(relock.get() == queue::Relock::declared_dead);
  }

  TEST_CASE("a new session takes the lock again once the old one is gone") {
    if (test::needs_session("the lock is one of a session")) return;
    test::Database database;
    auto old = database.connect(db::Session::heartbeat);
    auto fresh = database.connect(db::Session::heartbeat);
    const auto worker = register_on(old, -1s);
    const auto relock = [&] {
      db::Transaction tx(fresh, db::autocommit);
      return queue::relock_worker(tx, worker, registration(fresh)) == queue::Relock::done;
    };

    CHECK_FALSE(relock());
    CHECK(sign_of(database, worker).lease_over);
    old.sever();
    test::wait_until(relock, "the old session to end");

    CHECK(sign_of(database, worker).has_lock);
    CHECK_FALSE(sign_of(database, worker).lease_over);
  }

  TEST_CASE(
      "a server that has crashed and recovered is not the one that a worker registered with") {
    const test::Server server;
    config::Database database;
    database.url = server.url();
    database.origin = "test";
    {
      db::Connection owner(database, db::Session::plain);
      db::migrate(owner, [](const db::Migration&) {});
    }
    std::optional<db::Connection> connection(std::in_place, database);  // commits to the disk
    register_on(*connection);
    const auto same_server = [&] {
      db::Transaction tx(*connection, db::autocommit);
      return queue::other_workers(tx, 0).at(0).same_server;
    };
    CHECK(same_server());

    REQUIRE(kill(connection->backend_pid(), SIGKILL) == 0);
    test::wait_until(
        [&] {
          try {
            connection.emplace(database);
            return true;
          } catch (const DatabaseError&) {
            return false;
          }
        },
        "the server to be back");

    CHECK_FALSE(same_server());
  }

  TEST_CASE("a worker leaves only when it holds nothing") {
    test::Database database;
    database.insert_pending("x");
    auto connection = database.connect(db::Session::heartbeat);
    const auto worker = register_on(connection);
    const auto claims = claim_for(connection, worker);

    CHECK_FALSE(deregister(connection, worker));
    CHECK(database.value("select count(*) from workers") == "1");
    test::settle(connection, {test::settled(claims.at(0), {.json = "{}"})});
    CHECK(deregister(connection, worker));
    CHECK(database.value("select count(*) from workers") == "0");
  }
}

TEST_SUITE("queue::rescue [db]") {
  TEST_CASE("a rescued job is pending again and the attempt that was lost is history") {
    test::Database database;
    database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    const auto worker = register_on(connection);
    const auto lost = claim_for(connection, worker).at(0);

    const auto rescued = rescue(connection, worker);

    REQUIRE(rescued.size() == 1);
    CHECK(rescued[0].execution == lost.execution_id);
    CHECK(rescued[0].job == lost.id);
    CHECK_FALSE(rescued[0].dead);
    CHECK(database.value("select concat_ws(' ', status, attempts, interruptions, locked_by, "
                         "claim_token) from job_queue") == "pending 1 1");
    CHECK(database.value("select concat_ws('|', id, status, attempt, worker, error_class, "
                         "error_message, payload, job_created_at) from job_executions") ==
          std::to_string(lost.execution_id) +
              "|lost|1|box:4711|worker_died|worker box:4711 died: its lease is over");
    CHECK(database.value("select scheduled_for = '2020-01-01Z' from job_queue") == "t");
  }

  TEST_CASE("whoever comes back after the rescue stores nothing") {
    test::Database database;
    database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    const auto worker = register_on(connection);
    const auto lost = claim_for(connection, worker).at(0);
    rescue(connection, worker);
    const auto again = claim_for(connection, worker + 1).at(0);

    CHECK(test::settle(connection, {test::settled(lost, {.json = "{}"})}).empty());

    CHECK(again.attempt == 2);
    CHECK(again.interruptions == 1);
    CHECK(database.value("select status || ' ' || locked_by from job_queue") ==
          "running " + std::to_string(worker + 1));
  }

  TEST_CASE("a job that has cost too many workers their lives is dead") {
    test::Database database;
    database.insert_pending("x");
    database.query("update job_queue set interruptions = 3, attempts = 3, payload = '{\"a\":1}'");
    auto connection = database.connect(db::Session::claiming);
    const auto worker = register_on(connection);
    claim_for(connection, worker);

    db::Transaction tx(connection);
    const auto held = queue::held(tx, worker, 3);
    tx.commit();
    const auto rescued = rescue(connection, worker);

    CHECK(held.jobs == 1);
    CHECK(held.would_die == 1);
    REQUIRE(rescued.size() == 1);
    CHECK(rescued[0].dead);
    CHECK(database.value("select status || ' ' || interruptions from job_queue") == "failed 4");
    CHECK(database.value("select concat_ws(' ', status, payload, priority) from job_executions "
                         "where job_created_at is not null") == "lost {\"a\":1} 5");
  }

  TEST_CASE("a job that somebody had cancelled is not run again") {
    test::Database database;
    database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    const auto worker = register_on(connection);
    claim_for(connection, worker);
    database.query("update job_queue set cancel_requested_at = now()");

    const auto rescued = rescue(connection, worker);

    REQUIRE(rescued.size() == 1);
    CHECK(rescued[0].dead);
    CHECK(database.value("select status from job_queue") == "cancelled");
  }

  TEST_CASE(
      "one dead row behind fifteen thousand live ones is found, the live ones stay untouched") {
    test::Database database;
    database.query(
        "insert into job_queue (job_type, scheduled_for) "
        "select 'x', $1 from generate_series(1, 15001)",
        {past});
    auto connection = database.connect(db::Session::claiming);
    auto other = database.connect(db::Session::claiming);
    const auto live = register_on(connection);
    const auto dead = register_on(other);
    REQUIRE(claim_for(connection, live, 15000).size() == 15000);
    const auto lost = claim_for(other, dead);
    REQUIRE(lost.size() == 1);
    const std::string fingerprint =
        "select md5(string_agg(job_queue::text, ';' order by id)) from job_queue where locked_by "
        "= $1";
    const auto before = database.value(fingerprint, {live});

    const auto rescued = rescue(connection, dead, 1);

    REQUIRE(rescued.size() == 1);
    CHECK(rescued[0].job == lost[0].id);
    CHECK(database.value(fingerprint, {live}) == before);
    CHECK(database.value("select count(*) from job_executions") == "1");
  }

  TEST_CASE("a rescue goes in batches until nothing is left, then the worker can go") {
    test::Database database;
    for (int i = 0; i < 5; ++i) database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    const auto worker = register_on(connection);
    claim_for(connection, worker);

    CHECK(rescue(connection, worker, 2).size() == 2);
    CHECK_FALSE(deregister(connection, worker));
    CHECK(rescue(connection, worker, 2).size() == 2);
    CHECK(rescue(connection, worker, 2).size() == 1);
    CHECK(rescue(connection, worker, 2).empty());
    CHECK(deregister(connection, worker));
  }

  TEST_CASE("two rescuers at once take each job once") {
    test::Database database;
    for (int i = 0; i < 4; ++i) database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    auto other = database.connect(db::Session::claiming);
    const auto worker = register_on(connection);
    claim_for(connection, worker);

    db::Transaction tx_one(connection), tx_other(other);
    CHECK(queue::rescue(tx_one, worker, 3, 3, "died").size() == 3);
    CHECK(queue::rescue(tx_other, worker, 3, 3, "died").size() == 1);
    tx_one.commit();
    tx_other.commit();

    CHECK(database.value("select string_agg(distinct interruptions::text, ' ') from job_queue") ==
          "1");
    CHECK(database.value("select count(*) from job_executions") == "4");
  }
}
