#include "schedule/plan.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/planning.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::Planning;

namespace {

Time at(const std::string& clock) { return parse_time("2026-03-10T" + clock + "Z"); }

std::string definition(const std::string& name, const std::string& keys) {
  return fmt::format("[job.{}]\nhandler = \"noop\"\ntimezone = \"UTC\"\n{}\n", name, keys);
}

const std::string hourly = definition("hourly", "cron = \"0 * * * *\"");

}  // namespace

TEST_SUITE("schedule::plan [db]") {
  TEST_CASE("a slot that is due becomes one job with all that its definition says") {
    Planning here;
    here.declare(definition("report",
                            "cron = \"0 * * * *\"\npayload = { shop = \"s1\" }\npriority = 7\n"
                            "timeout = \"5m\"\nmax_retries = 2\ngroup = \"s1\"\njitter = \"30s\""),
                 at("11:30:00"));
    CHECK(here.plan(at("11:59:59")).jobs == 0);

    const auto planned = here.plan(at("12:00:01"));

    CHECK(planned.locked);
    CHECK(planned.definitions == 1);
    CHECK(planned.jobs == 1);
    CHECK(here.database.value("select concat_ws(' ', job_type, priority, payload, timeout_ms, "
                              "max_attempts, group_key, limited, "
                              "status, slot = '2026-03-10 12:00+00', scheduled_for > slot, "
                              "scheduled_for < slot + interval '30 s') "
                              "from job_queue") ==
          "noop 7 {\"shop\":\"s1\"} 300000 3 s1 t pending t t t");
    CHECK(here.of("report",
                  "last_slot = '2026-03-10 12:00+00' and next_run_at = '2026-03-10 13:00+00'") ==
          "t");
    CHECK(here.plan(at("12:00:02")).definitions == 0);
    CHECK(here.jobs("report") == "12:00:00");
  }

  TEST_CASE("missed slots are run or accounted for as the policy says, in history too") {
    Planning here;
    here.declare(hourly +
                     definition("all", "cron = \"0 * * * *\"\nmisfire = \"all\"\ncatchup_max = 2") +
                     definition("skip", "cron = \"0 * * * *\"\nmisfire = \"skip\""),
                 at("08:30:00"));

    const auto planned = here.plan(at("12:30:00"));

    CHECK(planned.jobs == 3);
    CHECK(planned.skipped == 3 + 2 + 4);
    CHECK(here.jobs("hourly") == "12:00:00");
    CHECK(here.gaps("hourly") == "coalesced 3 09:00:00-11:00:00");
    CHECK(here.jobs("all") == "11:00:00 12:00:00");
    CHECK(here.gaps("all") == "misfire 2 09:00:00-10:00:00");
    CHECK(here.jobs("skip") == "");
    CHECK(here.gaps("skip") == "misfire 4 09:00:00-12:00:00");
    CHECK(here.database.value("select count(*) from executions e join job_queue q on q.id = "
                              "(e.metadata ->> 'job_queue_id')::bigint "
                              "where e.status = 'skipped' and e.error_message like '3 slots from "
                              "2026-03-10T09:00:00Z to %' "
                              "and q.slot = '2026-03-10 12:00+00'") == "1");
    // What did not become a job is no job.
    CHECK(here.database.value("select count(*) from jobs") == "3");
  }

  TEST_CASE("nobody plans while another plans, and who is turned away is not held up") {
    Planning here;
    here.declare(hourly, at("11:30:00"));
    auto connection = here.database.connect(db::Session::claiming);
    db::Transaction other(connection);
    CHECK(schedule::plan(other, here.zones, {.now = at("12:00:00"), .leave_out = {}}).jobs == 1);

    const auto planned = here.plan(at("12:00:00"));

    CHECK_FALSE(planned.locked);
    CHECK(planned.jobs == 0);
    other.commit();
    CHECK(here.plan(at("12:00:00")).definitions == 0);
    CHECK(here.jobs("hourly") == "12:00:00");
  }

  TEST_CASE("a planning that is cut off leaves nothing, and the next does all of it") {
    Planning here;
    here.declare(hourly, at("08:30:00"));
    {
      auto connection = here.database.connect(db::Session::claiming);
      db::Transaction cut_off(connection);
      CHECK(schedule::plan(cut_off, here.zones, {.now = at("12:00:00"), .leave_out = {}}).jobs ==
            1);
    }
    CHECK(here.jobs("hourly") == "");
    CHECK(here.gaps("hourly") == "");

    here.plan(at("12:00:00"));

    CHECK(here.jobs("hourly") == "12:00:00");
    CHECK(here.gaps("hourly") == "coalesced 3 09:00:00-11:00:00");
  }

  TEST_CASE("the more urgent definitions are planned first, in batches") {
    Planning here;
    std::string toml;
    for (int i = 1; i <= 5; ++i)
      toml +=
          definition(fmt::format("p{}", i), fmt::format("cron = \"0 * * * *\"\npriority = {}", i));
    here.declare(toml, at("11:30:00"));

    const auto first = here.plan(at("12:00:00"), 2);
    CHECK(first.more);
    CHECK(here.database.value(
              "select string_agg(priority::text, ' ' order by id) from job_queue") == "5 4");
    here.plan(at("12:00:00"), 2);
    const auto last = here.plan(at("12:00:00"), 2);

    CHECK_FALSE(last.more);
    CHECK(here.database.value(
              "select string_agg(priority::text, ' ' order by id) from job_queue") == "5 4 3 2 1");
  }

  TEST_CASE("a slot that has its job gets no second one, whatever the definition's row says") {
    Planning here;
    here.declare(hourly, at("11:30:00"));
    here.plan(at("12:00:00"));
    here.database.query(
        "update job_definitions set last_slot = null, next_run_at = '2026-03-10 12:00+00'");
    here.database.query("update job_queue set status = 'failed'");

    CHECK(here.plan(at("12:00:30")).jobs == 0);
    CHECK(here.jobs("hourly") == "12:00:00");

    // Also when the planner is made to believe that nothing was planned yet.
    here.finish("hourly");
    here.database.query("update job_definitions set next_run_at = '2026-03-10 12:00+00'");
    CHECK(here.plan(at("12:00:40")).definitions == 0);
    CHECK(here.database.value("select count(*) from jobs") == "1");
  }

  TEST_CASE("times that have passed once are not planned again when the clock goes back an hour") {
    Planning here;
    here.declare(definition("minutely", "cron = \"* * * * *\"\noverlap = \"allow\""),
                 at("11:57:30"));
    for (const auto* now :
         {"11:58:01", "11:59:01", "12:00:01", "11:00:01", "11:30:01", "11:59:30", "12:00:30"})
      here.plan(at(now));

    CHECK(here.jobs("minutely") == "11:58:00 11:59:00 12:00:00");
    here.plan(at("12:01:00"));
    CHECK(here.jobs("minutely") == "11:58:00 11:59:00 12:00:00 12:01:00");
    CHECK(here.gaps("minutely") == "");
  }

  TEST_CASE("a clock that was a year ahead does not stop a definition for a year") {
    Planning here;
    here.declare(definition("minutely", "cron = \"* * * * *\"\noverlap = \"allow\""),
                 at("11:57:30"));
    here.plan(at("11:58:00"));
    here.plan(at("11:58:00") + 365 * 24h);
    CHECK(here.database.value("select count(*) from job_queue") == "2");
    CHECK(here.gaps("minutely") == "coalesced 525599 11:59:00-11:57:00");
    CHECK(here.plan(at("12:00:01")).definitions == 0);

    auto connection = here.database.connect(db::Session::claiming);
    const auto mend = [&](Time now) {
      here.database.query("update hosts set last_tick_at = $1", {now});
      db::Transaction tx(connection);
      const auto mended = schedule::upkeep(tx, here.zones, now).mended;
      tx.commit();
      return mended;
    };
    CHECK(mend(at("11:58:00") + 365 * 24h) == 0);
    CHECK(mend(at("12:00:30")) == 1);
    for (const auto* now : {"12:00:30", "12:01:00", "12:02:00"}) here.plan(at(now));

    CHECK(here.database.value("select string_agg(to_char(slot at time zone 'UTC', 'HH24:MI'), ' ' "
                              "order by slot) from job_queue "
                              "where slot < '2026-12-31'") == "11:58 12:01 12:02");
    // When its time comes in earnest, a slot that has run is not run again.
    here.finish("minutely");
    here.database.query(
        "update job_definitions set last_slot = '2027-03-10 11:56+00', next_run_at = '2027-03-10 "
        "11:57+00'");
    here.plan(at("11:57:00") + 365 * 24h);
    here.plan(at("11:58:00") + 365 * 24h);
    here.plan(at("11:59:00") + 365 * 24h);
    CHECK(here.database.value("select string_agg(to_char(slot at time zone 'UTC', 'HH24:MI'), ' ' "
                              "order by slot) from job_queue") == "11:57 11:59");
    CHECK(here.of("minutely", "used_until") == "");
  }

  TEST_CASE(
      "overlap skip: a slot that comes during a run, or before its retry, is recorded and left") {
    Planning here;
    here.declare(hourly, at("10:30:00"));
    here.plan(at("11:00:00"));
    CHECK(here.plan(at("12:00:00")).jobs == 0);
    here.database.query(
        "update job_queue set attempts = 1, scheduled_for = now() + interval '1 h'");
    CHECK(here.plan(at("13:00:00")).jobs == 0);
    CHECK(here.gaps("hourly") == "overlap 1 12:00:00-12:00:00, overlap 1 13:00:00-13:00:00");

    // A dead job waits for a person, not for its slot.
    here.database.query("update job_queue set status = 'failed'");
    CHECK(here.plan(at("14:00:00")).jobs == 1);
    here.finish("hourly");
    CHECK(here.plan(at("15:00:00")).jobs == 1);
    CHECK(here.jobs("hourly") == "11:00:00 14:00:00 15:00:00");
  }

  TEST_CASE("overlap queue and allow make their jobs, limited or not; cancel makes room") {
    Planning here;
    for (const std::string overlap : {"queue", "allow", "cancel"})
      here.declare(
          definition(overlap, fmt::format("cron = \"0 * * * *\"\noverlap = \"{}\"", overlap)),
          at("10:30:00"), overlap);
    here.plan(at("11:00:00"));
    here.database.query(
        "update job_queue set status = 'running', locked_by = 1, claim_token = gen_random_uuid() "
        "where definition_id in (select id from job_definitions where name in ('queue', "
        "'cancel'))");
    here.plan(at("12:00:00"));
    here.plan(at("13:00:00"));

    for (const auto* overlap : {"queue", "allow", "cancel"}) {
      CAPTURE(overlap);
      CHECK(here.jobs(overlap) == "11:00:00 12:00:00 13:00:00");
      CHECK(here.gaps(overlap) == "");
    }
    const auto state = [&](const std::string& name) {
      return here.database.value(
          "select string_agg(concat(status, case when limited then ' limited' end, ' ' || "
          "cancel_reason), ', ' "
          "order by slot) from job_queue where definition_id = (select id from job_definitions "
          "where name = $1)",
          {name});
    };
    CHECK(state("queue") == "running limited, pending limited, pending limited");
    CHECK(state("allow") == "pending, pending, pending");
    CHECK(state("cancel") ==
          "running limited overlap: the next slot has come, cancelled limited overlap: the next "
          "slot has come, "
          "pending limited");
    CHECK(here.database.value("select count(*) from job_executions where status = 'cancelled' and "
                              "error_class = 'cancelled' and job_queue_id is not null") == "1");
  }

  TEST_CASE("what a host cannot read is left to others and stops nobody") {
    Planning here;
    here.declare(hourly + definition("other", "cron = \"0 * * * *\""), at("11:30:00"));
    here.database.query(
        "update job_definitions set timezone = 'Moon/Tycho', priority = 9 where name = 'other'");

    const auto planned = here.plan(at("12:00:00"));

    CHECK(planned.jobs == 1);
    REQUIRE(planned.unusable.size() == 1);
    CHECK(planned.unusable[0].name == "other");
    CHECK(planned.unusable[0].why.find("Moon/Tycho") != std::string::npos);
    CHECK(here.jobs("hourly") == "12:00:00");
    here.database.query("update job_definitions set timezone = 'UTC' where name = 'other'");
    CHECK(here.plan(at("12:00:30")).jobs == 1);
  }

  TEST_CASE("intervals stay on their grid however long the runs and late the ticks are") {
    Planning here;
    here.declare(
        definition("grid",
                   "every = \"10s\"\noffset = \"3s\"\noverlap = \"allow\"\nmisfire = \"all\""),
        at("11:59:55"));
    for (const auto* now : {"12:00:04", "12:00:17", "12:00:29", "12:00:33", "12:00:51"})
      here.plan(at(now));

    CHECK(here.jobs("grid") == "12:00:03 12:00:13 12:00:23 12:00:33 12:00:43");
  }

  TEST_CASE("a fixed time in the hour that the clocks skip or show twice has one run") {
    Planning here;
    const auto nightly = [&](const std::string& declared, const std::vector<std::string>& ticks) {
      Planning there;
      there.declare(
          "[job.n]\nhandler = \"noop\"\ncron = \"30 2 * * *\"\ntimezone = \"Europe/Berlin\"\n"
          "overlap = \"allow\"\n",
          parse_time(declared));
      for (const auto& tick : ticks) there.plan(parse_time(tick));
      return there.jobs("n") + there.gaps("n");
    };

    CHECK(nightly("2026-03-28T12:00:00Z", {"2026-03-29T00:59:59Z", "2026-03-29T01:00:01Z",
                                           "2026-03-29T01:30:01Z", "2026-03-29T02:30:01Z"}) ==
          "01:00:00");
    CHECK(nightly("2026-10-24T12:00:00Z", {"2026-10-25T00:30:01Z", "2026-10-25T00:31:01Z",
                                           "2026-10-25T01:30:01Z", "2026-10-25T01:31:01Z"}) ==
          "00:30:00");
  }
}

TEST_SUITE("schedule::dependencies [db]") {
  const std::string both = definition("backup", "cron = \"0 2 * * *\"") +
                           definition("report",
                                      "cron = \"0 2 * * *\"\ndepends_on = [\"backup\"]\n"
                                      "dependency_timeout = \"30m\"");

  TEST_CASE("a dependant waits for the run of its dependency and starts when that was good") {
    Planning here;
    here.declare(both, at("01:00:00"));

    const auto first = here.plan(at("02:00:00"));
    CHECK(first.jobs == 1);
    CHECK(first.waiting == 1);
    CHECK(here.jobs("backup") == "02:00:00");
    CHECK(here.plan(at("02:10:00")).waiting == 1);
    here.finish("backup");
    CHECK(here.plan(at("02:10:01")).jobs == 1);

    CHECK(here.jobs("report") == "02:00:00");
    CHECK(here.gaps("report") == "");
    CHECK(here.of("report", "waiting_since") == "");
  }

  TEST_CASE(
      "after its dependency_timeout a dependant is skipped, and history says what it waited for") {
    Planning here;
    here.declare(both, at("01:00:00"));
    here.plan(at("02:00:00"));
    here.finish("backup", "failed");

    CHECK(here.plan(at("02:29:59")).waiting == 1);
    CHECK(here.plan(at("02:30:00")).waiting == 0);

    CHECK(here.jobs("report") == "");
    CHECK(here.gaps("report") == "dependency 1 02:00:00-02:00:00");
    CHECK(here.database.value(
              "select error_message from job_executions where error_class = 'dependency'") ==
          "1 slot, 2026-03-10T02:00:00Z: dependency backup was not good, its last run: failed");
    // The next night is another chance.
    here.plan(at("02:00:00") + 24h);
    here.finish("backup");
    CHECK(here.plan(at("02:00:02") + 24h).jobs == 1);
  }

  TEST_CASE("a dependency that waits for its retry is not over; one that never ran is not ready") {
    Planning here;
    here.declare(definition("backup", "cron = \"0 2 * * *\"") +
                     definition("report", "cron = \"0 3 * * *\"\ndepends_on = [\"backup\"]"),
                 at("02:30:00"));
    here.plan(at("03:00:00"));
    CHECK(here.of("report", "waiting_since = '2026-03-10 03:00+00'") == "t");

    here.database.query("select run_definition('backup')");
    here.finish("backup", "failed");
    here.database.query("select run_definition('backup')");
    CHECK(here.plan(at("03:10:00")).waiting == 1);
    here.finish("backup");
    CHECK(here.plan(at("03:20:00")).jobs == 1);
  }

  TEST_CASE("who waits holds up nobody else, and is looked at again each second") {
    Planning here;
    here.declare(both + hourly, at("01:30:00"));
    here.plan(at("02:00:00"));
    CHECK(here.jobs("hourly") == "02:00:00");
    CHECK(here.of("report", "due_at = '2026-03-10 02:00:01+00'") == "t");

    auto connection = here.database.connect(db::Session::claiming);
    db::Transaction tx(connection);
    CHECK(schedule::plan(tx, here.zones, {.now = at("02:00:00"), .eager = false, .leave_out = {}})
              .waiting == 0);
    CHECK(schedule::plan(tx, here.zones, {.now = at("02:00:01"), .eager = false, .leave_out = {}})
              .waiting == 1);
  }

  TEST_CASE(
      "a dependency that is gone or retired is not ready; one that is only run by hand may be") {
    Planning here;
    here.declare(both, at("01:00:00"));
    here.database.query("delete from declarations where definition = 'backup'");
    here.database.query("update job_definitions set is_active = false where name = 'backup'");
    here.plan(at("02:00:00"));
    here.plan(at("02:30:00"));
    here.database.query("delete from job_definitions where name = 'backup'");
    here.plan(at("02:00:00") + 24h);
    here.plan(at("02:30:00") + 24h);

    CHECK(here.database.value(
              "select string_agg(error_message, ', ' order by id) from job_executions") ==
          "1 slot, 2026-03-10T02:00:00Z: dependency backup is declared by no host any more, "
          "1 slot, 2026-03-11T02:00:00Z: dependency backup is unknown");
    here.declare("[job.backup]\nhandler = \"noop\"\nenabled = false\n" +
                     definition("report", "cron = \"0 2 * * *\"\ndepends_on = [\"backup\"]"),
                 at("03:00:00") + 24h);
    here.database.query("select run_definition('backup')");
    here.finish("backup");
    CHECK(here.plan(at("02:00:00") + 48h).jobs == 1);
  }
}
