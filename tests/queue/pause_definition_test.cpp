#include <doctest/doctest.h>

#include "support/planning.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::Planning;

namespace {

// The functions know the server's time only, so everything happens around it.
struct Hourly : Planning {
  Time now;

  Hourly() {
    auto connection = database.connect();
    now = db::Transaction(connection).now();
    declare("[job.d]\nhandler = \"noop\"\ncron = \"0 * * * *\"\ntimezone = \"UTC\"\n", now);
  }
  // As if it had been paused, and its slots had come, some hours ago.
  void shift(int hours) {
    database.query(
        "update job_definitions set paused_since = paused_since - $1 * interval '1 h', "
        "next_run_at = date_trunc('hour', next_run_at - $1 * interval '1 h')",
        {hours});
  }
  std::string call(const std::string& function) { return database.value("select " + function); }
  std::string reasons() {
    return database.value(
        "select string_agg(concat(error_class, ' ', metadata ->> 'count'), ', ' order by id) "
        "from job_executions where job_queue_id is null");
  }
};

}  // namespace

TEST_SUITE("queue::pause_definition [db]") {
  TEST_CASE(
      "a paused definition is not planned; what fell into the pause is one skipped execution") {
    Hourly here;
    here.call("pause_definition('d', reason => 'moving house')");
    here.shift(3);
    CHECK(here.plan(here.now + 1s).definitions == 0);
    CHECK(here.of("d", "due_at") == "infinity");

    CHECK(here.call("resume_definition('d')") == "t");
    const auto planned = here.plan(here.now + 1min);

    CHECK(planned.definitions == 1);
    CHECK(planned.jobs == 0);
    CHECK(here.reasons() == "paused 3");
    CHECK(here.of("d", "num_nulls(paused_since, paused_until, pause_reason, paused_by)") == "4");
    CHECK(here.call("resume_definition('d')") == "f");
    CHECK(here.database.value("select string_agg(concat(action, ' ', detail ->> 'definition', ' ', "
                              "detail ->> 'reason', "
                              "' ', who = session_user), ', ' order by id) from audit_log") ==
          "pause d moving house t, resume d moving house t");
  }

  TEST_CASE("a pause with an end ends by itself, and is accounted for all the same") {
    Hourly here;
    here.call("pause_definition('d', now() + interval '1 h')");
    here.shift(5);
    here.database.query("update job_definitions set paused_until = now() - interval '2 h'");

    here.plan(here.now + 1s);

    CHECK(here.database.value("select count(*) from job_queue") == "1");
    CHECK(here.reasons().find("paused 3") != std::string::npos);
    CHECK(here.of("d", "paused_since") == "");
  }

  TEST_CASE("resumed before any slot came, nothing is recorded") {
    Hourly here;
    here.call("pause_definition('d')");
    here.call("resume_definition('d')");

    CHECK(here.of("d", "paused_since") == "");
    here.plan(here.now + 1h);
    CHECK(here.reasons() == "");
    CHECK(here.database.value("select count(*) from job_queue") == "1");
  }

  TEST_CASE(
      "paused again it keeps its beginning, and what fell into the first pause is not forgotten") {
    Hourly here;
    const auto since = here.call("pause_definition('d', reason => 'a')");
    CHECK(here.call("pause_definition('d', now() + interval '1 d', 'b')") == since);
    CHECK(here.of("d", "pause_reason") == "b");
    here.shift(2);
    here.call("resume_definition('d')");
    here.call("pause_definition('d')");
    here.call("resume_definition('d')");
    here.plan(here.now + 1s);

    CHECK(here.reasons() == "paused 2");
  }

  TEST_CASE("a pause of everything counts for each definition that was due in it") {
    Hourly here;
    here.call("pause()");
    here.database.query(
        "update settings set value = jsonb_set(value::jsonb, '{since}', to_jsonb(now() - interval "
        "'5 hours')) "
        "where key = 'paused'");
    here.shift(3);
    here.call("resume()");
    here.plan(here.now + 1s);
    CHECK(here.reasons() == "paused 3");

    // One that ended by itself is accounted for by whoever plans next.
    here.call("pause(now() + interval '1 h')");
    here.database.query(
        "update settings set value = jsonb_set(jsonb_set(value::jsonb, '{since}', to_jsonb(now() - "
        "interval '5 hours')), "
        "'{until}', to_jsonb(now() - interval '1 s')) where key = 'paused'");
    here.database.query("update job_definitions set last_slot = null");
    here.shift(2);
    here.plan(here.now + 1s);
    CHECK(here.reasons() == "paused 3, paused 2");
    CHECK(here.database.value("select count(*) from settings where key = 'paused'") == "0");
  }

  TEST_CASE(
      "run makes one job with the definition's settings, paused or not, and says who did it") {
    Hourly here;
    here.declare(
        "[job.d]\nhandler = \"noop\"\ncron = \"0 * * * *\"\npayload = { a = 1 }\npriority = 7\n"
        "timeout = \"1m\"\nmax_retries = 0\n",
        here.now);
    here.call("pause_definition('d')");

    const auto own = here.call("run_definition('d')");
    const auto other = here.call("run_definition('d', '{\"a\": 2}')");

    CHECK(here.database.value("select string_agg(concat_ws(' ', payload, priority, timeout_ms, "
                              "max_attempts, limited, "
                              "slot, scheduled_for <= now()), ', ' order by id) from job_queue") ==
          "{\"a\":1} 7 60000 1 t t, {\"a\": 2} 7 60000 1 t t");
    CHECK(
        here.database.value(
            "select string_agg(concat(who = session_user, job_id), ' ' order by id) from audit_log "
            "where action = 'run'") == "t" + own + " t" + other);
  }

  TEST_CASE("bad values are refused and change nothing") {
    Hourly here;
    const auto refused = [&](const std::string& call) {
      try {
        here.call(call);
      } catch (const DatabaseError& e) {
        CHECK(e.code() == ExitCode::data);
        return std::string(e.what());
      }
      return std::string("accepted");
    };

    CHECK(refused("pause_definition('e')").find("there is no definition \"e\"") !=
          std::string::npos);
    CHECK(refused("pause_definition(null)").find("there is no definition null") !=
          std::string::npos);
    CHECK(refused("pause_definition('d', now() - interval '1 s')").find("is over") !=
          std::string::npos);
    CHECK(refused("resume_definition('e')").find("there is no definition") != std::string::npos);
    CHECK(refused("run_definition('e')").find("there is no definition") != std::string::npos);
    CHECK(refused("run_definition('d', '[]')").find("is no object") != std::string::npos);
    CHECK(refused("run_definition('d', '{')").find("is not valid") != std::string::npos);
    here.database.query("delete from declarations");
    CHECK(refused("run_definition('d')").find("is declared by no host any more") !=
          std::string::npos);
    CHECK(here.of("d", "paused_since") == "");
    CHECK(here.database.value("select count(*) from job_queue") == "0");
    CHECK(here.database.value("select count(*) from audit_log") == "0");
  }
}
