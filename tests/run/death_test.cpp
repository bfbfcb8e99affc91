#include "run/death.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>

#include "queue/worker.h"
#include "run/host_lock.h"
#include "support/claims.h"
#include "support/database.h"
#include "support/process.h"

using namespace schedctl;
using namespace std::chrono_literals;
using run::DeathWatch;

namespace {

// Another worker, as it is registered; its session lock is held by `session`, and so directly.
struct Other {
  test::Database& database;
  db::Connection session = database.connect_directly(db::Session::heartbeat);
  job::WorkerId id = 0;

  Other(test::Database& on, const std::string& host, const std::string& lock_file,
        Duration lease = 1h)
      : database(on) {
    db::Transaction tx(session);
    id = queue::register_worker(
        tx, {host, 4711, lease, "boot", lock_file, "1.0", session.local_address()});
    tx.commit();
  }
  // On a new session, which holds the lock as long as it lives.
  db::Connection relock() {
    auto fresh = database.connect_directly(db::Session::heartbeat);
    db::Transaction tx(fresh, db::autocommit);
    REQUIRE(queue::relock_worker(
                tx, id, {"elsewhere", 4711, 1h, "boot", "/none", "1.0", fresh.local_address()}) ==
            queue::Relock::done);
    return fresh;
  }
  void renew() {
    db::Transaction tx(session, db::autocommit);
    REQUIRE(queue::renew(tx, id, 1h));
  }
  void lose_session() {
    session.sever();
    test::wait_until(
        [&] {
          return database.value("select count(*) from pg_stat_activity where pid = $1",
                                {session.backend_pid()}) == "0";
        },
        "the session to end");
  }
};

struct Watcher {
  db::Connection connection;
  DeathWatch watch{"here", "boot"};

  explicit Watcher(const test::Database& database) : connection(database.connect()) {}
  // Why each dead worker is dead.
  std::vector<std::string> look() {
    db::Transaction tx(connection, db::autocommit);
    std::vector<std::string> why;
    for (const auto& dead : watch.look(tx, 0)) why.push_back(dead.why);
    return why;
  }
  // Looks again and again for as long as a missing lock would take to be evidence, and longer.
  bool stays_alive() {
    const auto until = std::chrono::steady_clock::now() + run::second_look_after + 100ms;
    while (std::chrono::steady_clock::now() < until)
      if (!look().empty()) return false;
    return true;
  }
};

using Why = std::vector<std::string>;

}  // namespace

TEST_SUITE("run::death [db]") {
  TEST_CASE("a worker that renews its lease and holds its lock lives") {
    test::Database database;
    const Other other(database, "elsewhere", "/none");
    Watcher watcher(database);

    CHECK(watcher.stays_alive());
    CHECK_FALSE(watcher.watch.has_suspects());
  }

  TEST_CASE("a worker whose lease is over and stays so is dead, whatever else it shows") {
    test::Database database;
    const Other other(database, "elsewhere", "/none", -1s);
    Watcher watcher(database);

    const auto first_look = std::chrono::steady_clock::now();
    CHECK(watcher.look().empty());
    CHECK(watcher.watch.has_suspects());
    Why why;
    test::wait_until([&] { return !(why = watcher.look()).empty(); }, "the evidence");

    CHECK(why == Why{"its lease is over"});
    CHECK_FALSE(watcher.watch.has_suspects());
    CHECK(std::chrono::steady_clock::now() - first_look >= run::renewal_patience);
  }

  TEST_CASE("a worker that somebody has declared dead and not finished with is dead at once") {
    test::Database database;
    const Other other(database, "elsewhere", "/none");
    Watcher early(database), late(database);
    CHECK(early.look().empty());

    database.query("update workers set lease_until = to_timestamp(0)");

    for (auto* watcher : {&early, &late}) CHECK(watcher->look() == Why{"it was declared dead"});
  }

  TEST_CASE("whoever has watched a worker for long knows at the end of its lease that it is dead") {
    test::Database database;
    const Other other(database, "elsewhere", "/none", run::renewal_patience + 500ms);
    Watcher watcher(database);
    CHECK(watcher.look().empty());
    CHECK_FALSE(watcher.watch.has_suspects());

    test::wait_until(
        [&] { return database.value("select lease_until < now() from workers") == "t"; },
        "the end of the lease");

    CHECK(watcher.look() == Why{"its lease is over"});
  }

  TEST_CASE("a clock of the server that is set forward kills nobody who renews") {
    test::Database database;
    Other other(database, "elsewhere", "/none");
    Watcher early(database), late(database);
    CHECK(early.look().empty());

    database.query("update workers set lease_until = lease_until - interval '1 day'");
    for (auto* watcher : {&early, &late}) {
      CHECK(watcher->look().empty());
      CHECK(watcher->watch.has_suspects());
    }
    other.renew();

    for (auto* watcher : {&early, &late}) {
      CHECK(watcher->look().empty());
      CHECK_FALSE(watcher->watch.has_suspects());
    }
  }

  TEST_CASE("a worker of this host whose file is free is dead at once") {
    test::Database database;
    const test::TempDir folder;
    const Other other(database, "here",
                      folder.write("worker-0123456789abcdef-4711-0123abcd.lock", ""));
    Watcher watcher(database);

    CHECK(watcher.look() == Why{"its process is gone"});
  }

  TEST_CASE("a free file proves nothing about a worker of another host") {
    test::Database database;
    const test::TempDir folder;
    const Other other(database, "elsewhere",
                      folder.write("worker-0123456789abcdef-4711-0123abcd.lock", ""));
    Watcher watcher(database);

    CHECK(watcher.look().empty());
  }

  TEST_CASE("a worker of this host from before its restart is dead") {
    test::Database database;
    Other other(database, "here", "/none");
    database.query("update workers set boot_id = 'earlier'");
    Watcher watcher(database);

    CHECK(watcher.look().empty());
    other.lose_session();
    CHECK(watcher.look() == Why{"its host has been restarted"});
  }

  TEST_CASE("a host and its server that were restarted together: at the second look") {
    test::Database database;
    Other other(database, "here", "/none");
    database.query("update workers set boot_id = 'earlier', server_identity = 'before'");
    Watcher watcher(database);
    other.lose_session();

    const auto first_look = std::chrono::steady_clock::now();
    CHECK(watcher.look().empty());
    CHECK(watcher.watch.has_suspects());
    Why why;
    test::wait_until([&] { return !(why = watcher.look()).empty(); }, "the evidence");

    CHECK(why == Why{"its host has been restarted"});
    CHECK(std::chrono::steady_clock::now() - first_look >= run::second_look_after);
  }

  TEST_CASE("a missing session is a suspicion at first and evidence at the second look") {
    test::Database database;
    Other other(database, "elsewhere", "/none");
    Watcher watcher(database);
    other.lose_session();

    const auto first_look = std::chrono::steady_clock::now();
    CHECK(watcher.look().empty());
    CHECK(watcher.watch.has_suspects());
    Why why;
    test::wait_until([&] { return !(why = watcher.look()).empty(); }, "the evidence");

    CHECK(why == Why{"its session is gone"});
    CHECK(std::chrono::steady_clock::now() - first_look >= run::second_look_after);
  }

  TEST_CASE("a session that comes back in between ends the suspicion") {
    test::Database database;
    Other other(database, "elsewhere", "/none");
    Watcher watcher(database);
    other.lose_session();
    CHECK(watcher.look().empty());
    REQUIRE(watcher.watch.has_suspects());

    const auto fresh = other.relock();

    CHECK(watcher.look().empty());
    CHECK_FALSE(watcher.watch.has_suspects());
  }

  TEST_CASE("a held file on this host outweighs a missing session") {
    test::Database database;
    const test::TempDir folder;
    const run::WorkerLock lock(folder.path(), "here");
    Other other(database, "here", lock.path());
    Watcher watcher(database);
    other.lose_session();

    CHECK(watcher.stays_alive());
    CHECK(watcher.watch.has_suspects());  // reapers that hold it will soon be gone
  }

  TEST_CASE("a worker whose process is gone is suspect while its reapers hold its file") {
    test::Database database;
    const test::TempDir folder;
    const run::WorkerLock lock(folder.path(), "here");
    const Other other(database, "here", lock.path());
    Watcher watcher(database);
    const auto suspect = [&](pid_t pid) {
      database.query("update workers set pid = $1", {pid});
      CHECK(watcher.look().empty());
      return watcher.watch.has_suspects();
    };
    auto gone = test::start({"true"});
    gone.wait();

    CHECK_FALSE(suspect(getpid()));
    CHECK(suspect(gone.pid()));
  }

  TEST_CASE("of a worker behind a pooler nothing is missing while its process lives") {
    test::Database database;
    const test::TempDir folder;
    const run::WorkerLock lock(folder.path(), "here");
    Other other(database, "here", lock.path());
    database.query("update workers set direct = false, pid = $1", {getpid()});
    Watcher watcher(database);
    other.lose_session();

    CHECK(watcher.look().empty());
    CHECK_FALSE(watcher.watch.has_suspects());
    auto gone = test::start({"true"});
    gone.wait();
    database.query("update workers set pid = $1", {gone.pid()});
    CHECK(watcher.look().empty());
    CHECK(watcher.watch.has_suspects());
  }

  TEST_CASE("behind a proxy a missing session proves nothing") {
    test::Database database;
    Other other(database, "elsewhere", "/none");
    database.query("update workers set direct = false");
    Watcher watcher(database);
    other.lose_session();

    CHECK(watcher.stays_alive());
  }

  TEST_CASE("a server that was restarted or promoted knows of no sessions, so proves nothing") {
    test::Database database;
    Other other(database, "elsewhere", "/none");
    database.query("update workers set server_identity = 'before'");
    Watcher watcher(database);
    other.lose_session();

    CHECK(watcher.stays_alive());
  }

  TEST_CASE("all jobs of a dead worker run again, and it and its file are gone") {
    test::Database database;
    const test::TempDir folder;
    database.query(
        "insert into job_queue (job_type, scheduled_for) "
        "select 'x', $1 from generate_series(1, 1001)",
        {test::past});
    const Other other(database, "here",
                      folder.write("worker-0123456789abcdef-4711-0123abcd.lock", ""));
    auto connection = database.connect(db::Session::claiming);
    auto request = test::claim_request("x", 1001);
    request.worker = other.id;
    REQUIRE(test::claim(connection, request).size() == 1001);
    database.query("update job_queue set interruptions = 3 where id = 7");
    Watcher watcher(database);
    db::Transaction tx(watcher.connection, db::autocommit);
    const auto dead = watcher.watch.look(tx, 0);
    REQUIRE(dead.size() == 1);

    const auto expected = run::count_claims(connection, dead[0], 3);
    const auto toll = run::rescue_all(connection, dead[0], 3);

    CHECK(expected.rescued == 1000);
    CHECK(expected.dead == 1);
    CHECK(toll.rescued == 1000);
    CHECK(toll.dead == 1);
    CHECK(database.value("select count(*) from workers") == "0");
    CHECK(database.value("select distinct error_message from job_executions") ==
          "worker here:4711 died: its process is gone");
    CHECK(access((folder / "worker-0123456789abcdef-4711-0123abcd.lock").c_str(), F_OK) != 0);
  }

  TEST_CASE("a worker whose session comes back between the verdict and the rescue keeps its jobs") {
    test::Database database;
    database.insert_pending("x");
    Other other(database, "elsewhere", "/none");
    auto connection = database.connect(db::Session::claiming);
    auto request = test::claim_request("x");
    request.worker = other.id;
    REQUIRE(test::claim(connection, request).size() == 1);
    Watcher watcher(database);
    other.lose_session();
    std::vector<run::Dead> dead;
    test::wait_until(
        [&] {
          db::Transaction tx(watcher.connection, db::autocommit);
          return !(dead = watcher.watch.look(tx, 0)).empty();
        },
        "the verdict");

    const auto fresh = other.relock();
    const auto toll = run::rescue_all(connection, dead[0], 3);

    CHECK(toll.rescued == 0);
    CHECK(database.value("select status from job_queue") == "running");
    CHECK(watcher.stays_alive());
  }

  TEST_CASE("a boot has an id that stays") {
    CHECK(run::read_boot_id().size() == 36);
    CHECK(run::read_boot_id() == run::read_boot_id());
  }
}
