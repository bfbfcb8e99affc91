#include "queue/cancel.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>

#include "queue/refusal.h"
#include "queue/retry.h"
#include "support/claims.h"

using namespace schedctl;

namespace {

std::string refusal(test::Database& database,
                    const std::function<void(db::Transaction&)>& operation) {
  auto connection = database.connect();
  db::Transaction tx(connection, db::autocommit);
  try {
    operation(tx);
  } catch (const queue::Refusal& e) {
    CHECK(e.code() == ExitCode::failed);
    return e.what();
  }
  return "not refused";
}

std::string cancel_refusal(test::Database& database, job::JobId id, const std::string& why = "") {
  return refusal(database, [&](db::Transaction& tx) { queue::cancel(tx, id, why); });
}

std::string retry_refusal(test::Database& database, job::JobId id) {
  return refusal(database, [&](db::Transaction& tx) { queue::retry(tx, id); });
}

queue::Cancelled cancel(test::Database& database, job::JobId id) {
  auto connection = database.connect();
  db::Transaction tx(connection, db::autocommit);
  return queue::cancel(tx, id, "no need");
}

job::JobId completed_job(test::Database& database) {
  const auto claim = test::claim_new(database);
  auto connection = database.connect(db::Session::recording);
  REQUIRE(test::settle(connection, {test::ended(claim)}).size() == 1);
  return claim.id;
}

}  // namespace

TEST_SUITE("queue::cancel [db]") {
  TEST_CASE("a job that waits is cancelled at once, the worker of one that runs is asked") {
    test::Database database;
    const auto running = test::claim_new(database).id;
    const auto waiting = database.insert_pending("x");

    CHECK(cancel(database, waiting) == queue::Cancelled::now);
    CHECK(cancel(database, running) == queue::Cancelled::requested);

    CHECK(database.value("select status from job_queue where id = $1", {waiting}) == "cancelled");
    CHECK(database.value("select cancel_reason from job_queue where id = $1 and status = 'running'",
                         {running}) == "no need");
    CHECK(database.value("select count(*) from audit_log where action = 'cancel'") == "2");
  }

  TEST_CASE("what cannot be cancelled is refused with how it is, and nothing is recorded") {
    test::Database database;
    const auto done = completed_job(database);
    const auto waiting = database.insert_pending("x");

    CHECK(cancel_refusal(database, done) ==
          fmt::format("job {} is completed: only pending and running jobs can be cancelled", done));
    CHECK(cancel_refusal(database, 999) == "there is no job 999: it never was, or it was removed");
    CHECK(cancel_refusal(database, waiting, std::string(1001, 'x')).starts_with("reason \"xxx"));
    CHECK(database.value("select count(*) from audit_log") == "0");
    cancel(database, waiting);
    CHECK(cancel_refusal(database, waiting) ==
          fmt::format("job {} is cancelled: only pending and running jobs can be cancelled",
                      waiting));
  }
}

TEST_SUITE("queue::retry [db]") {
  TEST_CASE("a dead job is due again") {
    test::Database database;
    const auto id = database.insert_pending("x");
    cancel(database, id);
    auto connection = database.connect();
    db::Transaction tx(connection, db::autocommit);

    queue::retry(tx, id);

    CHECK(database.value("select status from job_queue where scheduled_for <= now()") == "pending");
    CHECK(database.value("select count(*) from audit_log where action = 'retry' and job_id = $1",
                         {id}) == "1");
  }

  TEST_CASE("what is not dead is refused with how it is, and nothing is recorded") {
    test::Database database;
    const auto done = completed_job(database);
    const auto waiting = database.insert_pending("x");

    CHECK(retry_refusal(database, done) ==
          fmt::format("job {} is completed: only failed, timeout and cancelled jobs can be retried",
                      done));
    CHECK(retry_refusal(database, waiting) ==
          fmt::format("job {} is pending: only failed, timeout and cancelled jobs can be retried",
                      waiting));
    CHECK(retry_refusal(database, 999) == "there is no job 999: it never was, or it was removed");
    CHECK(database.value("select count(*) from audit_log") == "0");
  }
}
