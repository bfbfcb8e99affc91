#include "queue/pause.h"

#include <doctest/doctest.h>

#include "queue/claim.h"
#include "queue/look.h"
#include "support/database.h"
#include "support/process.h"
#include "util/error.h"

using namespace schedctl;
using namespace std::chrono_literals;

namespace {

queue::Pause pause(test::Database& database, const queue::PauseRequest& request = {}) {
  auto connection = database.connect();
  db::Transaction tx(connection);
  auto pause = queue::pause(tx, request);
  tx.commit();
  return pause;
}

bool resume(test::Database& database) {
  auto connection = database.connect();
  db::Transaction tx(connection, db::autocommit);
  return queue::resume(tx);
}

std::optional<queue::Pause> current(test::Database& database) {
  auto connection = database.connect();
  db::Transaction tx(connection, db::autocommit);
  return queue::current_pause(tx);
}

std::size_t waiting_levels(test::Database& database) {
  auto connection = database.connect();
  db::Transaction tx(connection, db::autocommit);
  return queue::waiting(tx, {"x", "y"}).levels.size();
}

std::string refusal(test::Database& database, const std::string& sql) {
  try {
    database.query(sql);
  } catch (const DatabaseError& e) {
    if (e.sqlstate() == "22023") return e.what();
    throw;
  }
  return "not refused";
}

}  // namespace

TEST_SUITE("queue::pause [db]") {
  TEST_CASE("while a pause holds nothing is seen to wait; when it has ended everything is") {
    test::Database database;
    database.insert_pending("x");
    database.insert_pending("y");
    CHECK(waiting_levels(database) == 2);

    pause(database);
    CHECK(waiting_levels(database) == 0);

    CHECK(resume(database));
    CHECK(waiting_levels(database) == 2);
    CHECK_FALSE(resume(database));
  }

  TEST_CASE("a pause ends by itself when its time is over") {
    test::Database database;
    database.insert_pending("x");

    const auto made = pause(database, {.until = {}, .length = 300ms, .reason = {}});
    CHECK(*made.until == made.since + 300ms);
    test::wait_until([&] { return !current(database); }, "the pause to end");

    CHECK(waiting_levels(database) == 1);
    CHECK_FALSE(resume(database));
    CHECK(database.value("select count(*) from audit_log where action = 'resume'") == "0");
  }

  TEST_CASE("pausing again keeps the beginning, and takes the new end and reason") {
    test::Database database;
    const auto first = pause(database, {.until = {}, .length = 1h, .reason = "first"});

    const auto second = pause(database, {.until = {}, .length = {}, .reason = "second"});

    CHECK(second.since == first.since);
    const auto now = current(database);
    REQUIRE(now);
    CHECK(now->since == first.since);
    CHECK_FALSE(now->until);
    CHECK(now->reason == "second");
    CHECK(now->by == database.value("select session_user"));
  }

  TEST_CASE("the first look of a run hears of the pause") {
    test::Database database;
    auto connection = database.connect();
    const auto look = [&] {
      db::Transaction tx(connection, db::autocommit);
      return queue::look(tx, "h", "v", {"x"});
    };
    CHECK_FALSE(look().pause);

    const auto made = pause(database, {.until = {}, .length = 1h, .reason = "why"});

    const auto seen = look().pause;
    REQUIRE(seen);
    CHECK(seen->since == made.since);
    CHECK(seen->until == made.until);
    CHECK(seen->reason == "why");
    CHECK(seen->by == made.by);
  }

  TEST_CASE("pause and resume are recorded with who did it") {
    test::Database database;
    database.query("select pause('2100-01-01Z', 'moving house')");
    database.query("select resume()");

    CHECK(database.value(
              "select string_agg(concat_ws('|', who = session_user, action, job_id is null, "
              "detail ->> 'reason', (detail ->> 'until')::timestamptz = '2100-01-01Z'), ' ' "
              "order by id) from audit_log") ==
          "t|pause|t|moving house|t t|resume|t|moving house|t");
  }

  TEST_CASE("a pause that makes no sense is refused") {
    test::Database database;
    const auto holds = [&](const std::string& sql, const std::string& part) {
      const auto said = refusal(database, sql);
      CAPTURE(said);
      CHECK(said.find(part) != std::string::npos);
    };

    holds("select pause('2020-01-01Z')", "is over: use a later instant");
    holds("select pause('-infinity')", "is over: use a later instant");
    holds("select pause('infinity')", "use an instant up to the year 9999");
    holds("select pause(reason => repeat('x', 1001))", "use at most 1000 bytes");

    CHECK_FALSE(current(database));
    CHECK(database.value("select count(*) from audit_log") == "0");
  }
}
