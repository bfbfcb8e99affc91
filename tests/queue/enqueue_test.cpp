#include "queue/enqueue.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "support/database.h"
#include "util/error.h"

using namespace schedctl;
using namespace std::chrono_literals;

namespace {

queue::NewJob job_of(const std::string& type) {
  queue::NewJob made;
  made.job_type = type;
  return made;
}

}  // namespace

TEST_SUITE("queue::enqueue [db]") {
  TEST_CASE("a job is there when the caller commits, and not before") {
    test::Database database;
    auto connection = database.connect();

    {
      db::Transaction given_up(connection);
      queue::enqueue(given_up, job_of("x"));
    }
    db::Transaction tx(connection);
    const auto stored = queue::enqueue(tx, job_of("x"));
    CHECK(database.value("select count(*) from job_queue") == "0");
    tx.commit();

    CHECK(stored.inserted);
    CHECK(database.value("select id from job_queue") == std::to_string(stored.id));
  }

  TEST_CASE("everything that is said about a job is stored") {
    test::Database database;
    auto connection = database.connect();
    db::Transaction tx(connection);
    auto told = job_of("x");
    told.payload = "{ \"n\":123456789012345678901234567890 }";
    told.scheduled_for = Time(1'800'000'000s);
    told.priority = 9;
    told.max_attempts = 4;
    told.group_key = "g\\\"'";
    told.unique_key = "u";
    told.timeout = 90s;
    told.expires_at = Time(1'800'000'600s);
    queue::enqueue(tx, told);
    tx.commit();

    CHECK(database.value("select concat_ws('|', payload, extract(epoch from "
                         "scheduled_for)::bigint, priority, max_attempts, "
                         "group_key, unique_key, timeout_ms, extract(epoch from "
                         "expires_at)::bigint) from job_queue") ==
          "{ \"n\":123456789012345678901234567890 }|1800000000|9|4|g\\\"'|u|90000|1800000600");
  }

  TEST_CASE("delays count from the database's now, expiry from when the job is due") {
    test::Database database;
    auto connection = database.connect();
    db::Transaction tx(connection);
    auto later = job_of("x");
    later.delay = 5min;
    later.expires_after = 1h;
    queue::enqueue(tx, later);
    tx.commit();

    CHECK(database.value("select concat_ws(' ', scheduled_for - created_at, expires_at - "
                         "scheduled_for) from job_queue") == "00:05:00 01:00:00");
  }

  TEST_CASE("a duplicate of a unique key is told apart from a new job") {
    test::Database database;
    auto connection = database.connect();
    auto keyed = job_of("x");
    keyed.unique_key = "k";
    const auto store = [&] {
      db::Transaction tx(connection);
      const auto stored = queue::enqueue(tx, keyed);
      tx.commit();
      return stored;
    };

    const auto first = store();
    const auto second = store();

    CHECK(first.inserted);
    CHECK_FALSE(second.inserted);
    CHECK(first.id == second.id);
  }

  TEST_CASE("a job that breaks a rule is refused as bad data, with the rule") {
    test::Database database;
    auto connection = database.connect();
    db::Transaction tx(connection);
    auto urgent = job_of("x");
    urgent.priority = 101;

    try {
      queue::enqueue(tx, urgent);
      FAIL("not refused");
    } catch (const DatabaseError& error) {
      CHECK(error.code() == ExitCode::data);
      CHECK(std::string(error.what()) == "database: priority 101: use 0 (last) to 100 (first)");
    }
  }

  TEST_CASE("the payload limit is the installation's") {
    test::Database database;
    auto connection = database.connect();
    db::Transaction tx(connection);

    CHECK(queue::payload_limit(tx) == 16 * 1024 * 1024);
  }
}
