#include "run/recorder.h"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <string>

#include "support/claims.h"
#include "support/process.h"
#include "support/quiet_log.h"

using namespace schedctl;
using namespace std::chrono_literals;
using job::Result;
using test::ended;

namespace {

struct Fixture {
  test::QuietLog quiet;
  test::Database database;
  std::atomic<std::chrono::steady_clock::time_point> safe_until{std::chrono::steady_clock::now() +
                                                                60s};
  std::atomic<int> batches{0};
  std::vector<run::Unstored> kept;  // by the recorder's thread, when it gives up
  run::Recorder recorder{named(),
                         1,
                         "h:1",
                         [this] { return safe_until.load(); },
                         [this] { ++batches; },
                         [this](const auto& unstored) { kept.push_back(unstored); }};

  // The recorder's sessions can be told by their application_name.
  config::Database named() {
    auto settings = database.config();
    settings.url += (settings.url.find('?') == std::string::npos ? "?" : "&");
    settings.url += "application_name=" + database.schema();
    return settings;
  }
  std::string sessions(const std::string& what, const std::string& condition = "true") {
    return database.value(
        "select " + what + " from pg_stat_activity where application_name = $1 and " + condition,
        {database.schema()});
  }
  void wait_until_stored() {
    test::wait_until([&] { return recorder.unstored() == 0; }, "outcomes to be stored");
  }
  std::string executions() {
    return database.value("select string_agg(status, ' ' order by id) from job_executions");
  }
};

job::Outcome failed() { return {.result = Result::failed, .error_message = "it broke"}; }

// One batch, whose jobs end as they are told to.
void settle_together(run::Recorder& recorder, const std::vector<queue::Settled>& batch) {
  std::vector<job::Claim> claims;
  std::map<job::ExecutionId, queue::Settled> ends;
  for (const auto& settled : batch) {
    claims.push_back(settled.claim);
    ends.emplace(settled.claim.execution_id, settled);
  }
  recorder.run_and_settle(std::move(claims),
                          [ends](const job::Claim& claim) { return ends.at(claim.execution_id); });
}

}  // namespace

TEST_SUITE("run::recorder [db]") {
  TEST_CASE_FIXTURE(Fixture, "outcomes of all kinds are stored and counted") {
    const auto plain = test::claim_new(database), broken = test::claim_new(database),
               skipped = test::claim_new(database), snoozed = test::claim_new(database),
               cut = test::claim_new(database);

    recorder.settle(ended(plain));
    settle_together(recorder, {ended(broken, failed()), ended(skipped, job::expired_outcome()),
                               ended(snoozed, {.result = Result::snoozed}),
                               ended(cut, {.result = Result::interrupted})});
    wait_until_stored();

    CHECK(executions() == "completed failed skipped snoozed interrupted");
    CHECK(recorder.tally().completed == 3);
    CHECK(recorder.tally().failed == 2);
    CHECK(recorder.tally().lost == 0);
    CHECK_FALSE(recorder.gave_up());
    test::wait_until([&] { return batches > 0; }, "the call after a batch");
  }

  TEST_CASE_FIXTURE(Fixture, "whoever sees that a job is over finds its log complete") {
    const auto claim = test::claim_new(database);
    database.query(
        "create table seen (lines bigint); "
        "create function look() returns trigger language plpgsql as $$ begin "
        "insert into seen select count(*) from job_logs; return null; end $$; "
        "create trigger look after insert on job_executions for each row execute function look()");

    for (int i = 0; i < 1500; ++i)
      recorder.log({claim.execution_id, test::noon, "stdout", "line " + std::to_string(i)});
    recorder.log({claim.execution_id, test::noon, "stderr", "oh, {\"no\"}\t\\"});
    recorder.settle(ended(claim));
    wait_until_stored();

    CHECK(database.value("select lines from seen") == "1501");
    CHECK(database.value("select string_agg(message, ' ' order by id) from (select * from job_logs "
                         "order by id limit 3) l") == "line 0 line 1 line 2");
    CHECK(database.value("select concat_ws('|', level, stream, message) from job_logs order by id "
                         "desc limit 1") == "warn|stderr|oh, {\"no\"}\t\\");
  }

  TEST_CASE_FIXTURE(Fixture, "one value that the server refuses does not harm the others") {
    const auto good = test::claim_new(database), bad = test::claim_new(database),
               other = test::claim_new(database);

    settle_together(
        recorder, {ended(good, {.json = "{\"n\":1}"}), ended(bad, {.json = "{\"n\":\"\\u0000\"}"}),
                   ended(other, failed())});
    wait_until_stored();

    CHECK(executions() == "completed completed failed");
    CHECK(database.value("select string_agg(result::text, ' ') from job_executions") ==
          "{\"n\": 1}");
    CHECK(
        database.value("select error_message from job_executions where id = $1", {bad.execution_id})
            .find("the result could not be stored: ") == 0);
    CHECK(recorder.tally().completed == 2);
    CHECK(recorder.tally().failed == 1);
  }

  TEST_CASE_FIXTURE(Fixture,
                    "an outcome whose connection is killed while it is stored, is stored once") {
    const auto first = test::claim_new(database), second = test::claim_new(database);
    {
      auto connection = database.connect();
      db::Transaction blocker(connection);
      blocker.exec_text("lock table job_executions in share mode");
      settle_together(recorder, {ended(first), ended(second, failed())});
      test::wait_until([&] { return sessions("count(*)", "wait_event_type = 'Lock'") == "1"; },
                       "the recorder to wait for the table");
      sessions("pg_terminate_backend(pid, 10000)");
      blocker.commit();
    }
    wait_until_stored();

    CHECK(database.value("select count(*) from job_executions") == "2");
    CHECK(recorder.tally().completed == 1);
    CHECK(recorder.tally().failed == 1);
    CHECK(recorder.tally().lost == 0);
  }

  TEST_CASE_FIXTURE(Fixture, "a connection that died between two outcomes is replaced") {
    const auto first = test::claim_new(database), second = test::claim_new(database);
    recorder.settle(ended(first));
    wait_until_stored();
    sessions("pg_terminate_backend(pid, 10000)");

    recorder.settle(ended(second));
    wait_until_stored();

    CHECK(executions() == "completed completed");
    CHECK(recorder.tally().completed == 2);
  }

  TEST_CASE_FIXTURE(Fixture, "an outcome that the fence refuses is counted as lost") {
    auto lost = test::claim_new(database), failing = test::claim_new(database);
    const auto ours = test::claim_new(database);
    lost.token = failing.token = queue::draw_token();

    settle_together(recorder, {ended(lost), ended(ours), ended(failing, failed())});
    wait_until_stored();

    CHECK(executions() == "completed");
    CHECK(recorder.tally().completed == 1);
    CHECK(recorder.tally().failed == 0);
    CHECK(recorder.tally().lost == 2);
  }

  TEST_CASE_FIXTURE(Fixture, "claims that are given back wait again") {
    const auto claim = test::claim_new(database);

    recorder.give_back({claim});
    wait_until_stored();

    CHECK(database.value("select concat_ws(' ', status, attempts) from job_queue") == "pending 0");
    CHECK(executions() == "");
  }

  TEST_CASE_FIXTURE(Fixture,
                    "what cannot be stored before the lease ends is handed over to be kept") {
    const auto claim = test::claim_new(database);
    auto connection = database.connect();
    db::Transaction blocker(connection);
    blocker.exec_text("lock table job_executions in share mode");
    safe_until = std::chrono::steady_clock::now();

    recorder.settle(ended(claim));
    test::wait_until([&] { return sessions("count(*)", "wait_event_type = 'Lock'") == "1"; },
                     "the recorder to wait for the table");
    sessions("pg_terminate_backend(pid, 10000)");
    wait_until_stored();
    blocker.commit();

    CHECK(recorder.gave_up());
    REQUIRE(kept.size() == 1);
    CHECK(kept[0].outcomes.at(0).claim.execution_id == claim.execution_id);
    CHECK(database.value("select status from job_queue") == "running");
  }

  TEST_CASE_FIXTURE(Fixture,
                    "log lines that cannot be stored are kept with the next outcomes, or "
                    "at the end") {
    const auto claim = test::claim_new(database);
    const auto said = [&](const std::string& what) {
      return queue::LogLine{claim.execution_id, test::noon, "stdout", what};
    };
    auto connection = database.connect();
    db::Transaction blocker(connection);
    blocker.exec_text("lock table job_logs in share mode");
    safe_until = std::chrono::steady_clock::now();
    {
      run::Recorder ending(
          named(), 1, "h:1", [this] { return safe_until.load(); }, [] {},
          [this](const auto& unstored) { kept.push_back(unstored); });
      ending.log(said("first"));
      test::wait_until([&] { return sessions("count(*)", "wait_event_type = 'Lock'") == "1"; },
                       "the recorder to wait for the table");
      ending.log(said("second"));
      ending.settle(ended(claim));
      sessions("pg_terminate_backend(pid, 10000)");
      test::wait_until([&] { return ending.unstored() == 0; }, "the outcome to be kept");
      ending.log(said("third"));
    }

    REQUIRE(kept.size() == 2);
    CHECK(kept[0].outcomes.size() == 1);
    REQUIRE(kept[0].lines.size() == 2);
    CHECK(kept[0].lines[0].message == "first");
    CHECK(kept[0].lines[1].message == "second");
    CHECK(kept[1].outcomes.empty());
    REQUIRE(kept[1].lines.size() == 1);
    CHECK(kept[1].lines[0].message == "third");
  }
}
