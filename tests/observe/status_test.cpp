#include "observe/status.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/database.h"

using namespace schedctl;

namespace {

nlohmann::json status_of(const test::Database& database) {
  auto connection = database.connect();
  db::Transaction tx(connection, db::autocommit);
  return nlohmann::json::parse(observe::status(tx).json);
}

void finish(test::Database& database, const std::string& status, const std::string& ago,
            int times = 1) {
  database.query(
      "insert into job_executions (id, job_queue_id, job_type, status, started_at, finished_at, "
      "attempt) "
      "select nextval('execution_ids'), i, 'mail', $1, now() - $2::interval, now() - $2::interval "
      "- i * interval '1 us', 1 "
      "from generate_series(1, $3::int) i",
      {status, ago, times});
}

}  // namespace

TEST_SUITE("observe::status [db]") {
  TEST_CASE("an empty installation has zeros and empty lists, never null") {
    test::Database database;

    const auto status = status_of(database);

    CHECK(status["queue"] ==
          nlohmann::json{
              {"pending", 0}, {"running", 0}, {"failed", 0}, {"timeout", 0}, {"cancelled", 0}});
    for (const auto* key :
         {"running", "failures", "hosts", "workers", "definitions", "unhandled_types"})
      CHECK(status[key] == nlohmann::json::array());
    CHECK(status["due"] == 0);
    CHECK(status["oldest_due_age_s"].is_null());
    CHECK(status["paused"] == false);
  }

  TEST_CASE("due jobs are counted, those of tomorrow only as pending") {
    test::Database database;
    database.query(
        "insert into job_queue (job_type, scheduled_for) values ('a', now() - interval '90 s'), "
        "('b', now() - interval '1 s'), "
        "('a', now() + interval '1 day'), ('c', 'infinity')");
    database.query(
        "insert into job_queue (job_type, status) values ('a', 'failed'), ('a', 'timeout'), ('a', "
        "'cancelled')");

    const auto status = status_of(database);

    CHECK(status["queue"]["pending"] == 4);
    CHECK(status["queue"]["failed"] == 1);
    CHECK(status["queue"]["timeout"] == 1);
    CHECK(status["queue"]["cancelled"] == 1);
    CHECK(status["due"] == 2);
    CHECK(status["oldest_due_age_s"].get<double>() >= 90);
    CHECK(status["oldest_due_age_s"].get<double>() < 120);
  }

  TEST_CASE("the last 24 hours count, and the latest ten failures are listed newest first") {
    test::Database database;
    finish(database, "completed", "1 hour", 5);
    finish(database, "completed", "25 hours", 3);
    finish(database, "failed", "2 hours", 12);
    finish(database, "lost", "1 minute");
    finish(database, "timeout", "2 minutes");
    finish(database, "interrupted", "1 minute");
    finish(database, "failed", "25 hours", 4);

    const auto status = status_of(database);

    CHECK(status["completed_24h"] == 5);
    CHECK(status["failed_24h"] == 14);
    REQUIRE(status["failures"].size() == 10);
    CHECK(status["failures"][0]["status"] == "lost");
    CHECK(status["failures"][1]["status"] == "timeout");
    CHECK(status["failures"][2]["status"] == "failed");
  }

  TEST_CASE("a running job is shown with its worker and age") {
    test::Database database;
    database.query(
        "insert into workers (lease_until, pid, direct, host, boot_id, server_identity, lock_file, "
        "version) "
        "values (now() + interval '15 s', 4711, true, 'db1', 'b', 's', '/f', '1')");
    database.query(
        "insert into job_queue (job_type, status, claim_token, locked_by, locked_at, execution_id, "
        "attempts) "
        "select 'mail', 'running', gen_random_uuid(), id, now() - interval '60 s', "
        "9007199254740993, 2 from workers");

    const auto status = status_of(database);

    REQUIRE(status["running"].size() == 1);
    const auto& running = status["running"][0];
    CHECK(running["id"] == 9007199254740993);
    CHECK(running["worker"] == "db1:4711");
    CHECK(running["attempt"] == 2);
    CHECK(running["age_s"].get<double>() >= 60);
    CHECK(running["started_at"].get<std::string>().size() ==
          std::string("2026-11-22T06:12:00.123456Z").size());
    CHECK(status["workers"][0]["pid"] == 4711);
    CHECK(status["queue"]["running"] == 1);
  }

  TEST_CASE("due types that no living host handles are named") {
    test::Database database;
    database.query(
        "insert into hosts values ('alive', now() - interval '1 hour', '1', '{noop,mail}')");
    database.query(
        "insert into hosts values ('gone', now() - interval '25 hours', '1', '{report}')");
    database.insert_pending("mail");
    database.insert_pending("report");
    database.insert_pending("report");
    database.query(
        "insert into job_queue (job_type, scheduled_for) values ('later', now() + interval '1 "
        "day')");

    const auto status = status_of(database);

    CHECK(status["unhandled_types"] ==
          nlohmann::json::array({{{"job_type", "report"}, {"pending", 2}}}));
    CHECK(status["hosts"].size() == 2);
    CHECK(status["hosts"][0]["job_types"] == nlohmann::json::array({"noop", "mail"}));
  }

  TEST_CASE("a definition is shown with how its last run ended") {
    test::Database database;
    database.query(
        "insert into job_definitions (name, handler, schedule) values ('nightly', 'noop', '0 2 * * "
        "*')");
    database.query(
        "insert into job_executions (id, job_queue_id, job_definition_id, job_type, status, "
        "finished_at, attempt) "
        "select i, nullif(i, 3), d.id, 'noop', s, now(), 1 from job_definitions d, "
        "(values (1, 'failed'), (2, 'completed'), (3, 'skipped')) v(i, s)");

    const auto definition = status_of(database)["definitions"][0];

    CHECK(definition["name"] == "nightly");
    CHECK(definition["schedule"] == "0 2 * * *");
    CHECK(definition["last_status"] == "completed");
  }

  TEST_CASE("a pause is shown until its end") {
    test::Database database;
    CHECK(status_of(database)["paused"] == false);

    database.query("select pause(now() + interval '1 h', 'moving house')");
    CHECK(status_of(database)["paused"] == true);
    CHECK(status_of(database)["pause_reason"] == "moving house");

    database.query(
        "update settings set value = jsonb_set(value::jsonb, '{until}', "
        "to_jsonb(now() - interval '1 s'))::text where key = 'paused'");
    CHECK(status_of(database)["paused"] == false);
    CHECK(status_of(database)["pause_reason"].is_null());
  }

  TEST_CASE("the finished jobs are counted by index, their table is never walked") {
    test::Database database;
    finish(database, "completed", "3 days", 20000);
    finish(database, "completed", "1 hour", 200);
    database.query("analyze job_executions");

    auto connection = database.connect();
    db::Transaction tx(connection);
    const auto walks = [&] {
      return tx.exec_text("select pg_stat_get_xact_numscans('job_executions'::regclass)")[0][0]
          .as<int>();
    };
    const auto before = walks();  // with those of whoever had the session before
    observe::status(tx);

    CHECK(walks() == before);
  }
}
