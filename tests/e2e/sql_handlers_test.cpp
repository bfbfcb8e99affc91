// Statements that end oddly, do not end, or get in the queue's way.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

// A host with statements for handlers; @ in them is the schema.
struct SqlHost : Host {
  explicit SqlHost(const std::string& toml = "[retry]\nmax_retries = 0\n") : Host(toml) {
    database.query("create table effects (what text)");
  }

  void statement(const std::string& type, std::string text, const std::string& keys = "") {
    for (auto at = text.find('@'); at != std::string::npos; at = text.find('@', at))
      text.replace(at, 1, database.schema());
    configure(
        fmt::format("[handler.{}]\ntype = \"sql\"\nstatement = '''{}'''\n{}\n", type, text, keys));
  }
  std::string error(job::JobId job) {
    return database.value(
        "select error_message from job_executions where job_queue_id = $1 "
        "order by id desc limit 1",
        {job});
  }
  // What the server still does for statements of this host.
  void check_no_backend_left() {
    wait_until(
        [&] {
          return count(
                     "pg_stat_activity where pid <> pg_backend_pid() and state <> 'idle' and "
                     "query like '%/* " +
                     database.schema() + " */%'") == 0;
        },
        "the server to end the statement", 2s);
  }
  std::string effects() {
    return database.value("select string_agg(what, ' ' order by what) from effects");
  }
};

}  // namespace

TEST_SUITE("e2e::sql_handlers [db]") {
  TEST_CASE("a statement past its timeout is cancelled on the server, with what it had done") {
    SqlHost host;
    host.statement("slow",
                   "with w as (insert into @.effects values ('slow') returning 1) "
                   "select pg_sleep(60) from w /* @ */",
                   "timeout = \"500ms\"");
    const auto slow = host.enqueue("slow"), noop = host.enqueue("noop");

    const auto began = Clock::now();
    CHECK(host.process().exit_code == 0);

    CHECK((Clock::now() - began) / 1ms < 2500);
    CHECK(host.attempts(slow) == "timeout/timeout");
    CHECK(host.status(noop) == "completed");
    CHECK(host.effects() == "");
    host.check_no_backend_left();
  }

  TEST_CASE("a statement that will not be cancelled is cut off") {
    SqlHost host;
    host.statement("deaf",
                   "do $do$ begin loop begin perform pg_sleep(60); "
                   "exception when query_canceled then null; end; end loop; end $do$ /* @ */",
                   "timeout = \"500ms\"");
    const auto deaf = host.enqueue("deaf"), noop = host.enqueue("noop");

    const auto began = Clock::now();
    CHECK(host.start_process().wait(30s).exit_code == 0);

    CHECK((Clock::now() - began) / 1ms < 10'000);
    CHECK(host.attempts(deaf) == "timeout/timeout");
    CHECK(host.status(noop) == "completed");
    host.check_no_backend_left();
  }

  TEST_CASE("a statement that raises, or ends its own session, fails, and no other does") {
    SqlHost host;
    host.statement("raises", "do $do$ begin raise exception 'no such shop: 42'; end $do$");
    host.statement("drops",
                   "with w as (insert into @.effects values ('drops') returning 1) "
                   "select pg_terminate_backend(pg_backend_pid()) from w");
    const auto raises = host.enqueue("raises"), drops = host.enqueue("drops"),
               noop = host.enqueue("noop");

    CHECK(host.process().exit_code == 0);

    CHECK(host.attempts(raises) == "failed/sql");
    CHECK(host.error(raises).find("no such shop: 42") != std::string::npos);
    CHECK(host.attempts(drops) == "failed/sql");
    CHECK(host.status(noop) == "completed");
    CHECK(host.effects() == "");
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("what a statement raises besides becomes a line of its job's log, and nobody's mail") {
    SqlHost host;
    host.statement("warns",
                   "do $do$ begin raise warning 'shop 42 has no session'; raise notice 'shop 43'; "
                   "end $do$");
    const auto warns = host.enqueue("warns");

    host.tick();

    CHECK(host.status(warns) == "completed");
    CHECK(host.database.value("select string_agg(concat_ws(' ', level, stream, message), '|') "
                              "from job_logs") == "warn stderr WARNING:  shop 42 has no session");
  }

  TEST_CASE("a flood of warnings is cut like the output of a command") {
    SqlHost host;
    host.statement("floods",
                   "do $do$ begin for i in 1..20000 loop raise warning 'warning number %', i; end "
                   "loop; end $do$");
    const auto floods = host.enqueue("floods");

    host.tick();

    CHECK(host.status(floods) == "completed");
    CHECK(host.count("job_logs where message = 'WARNING:  warning number 1'") == 1);
    CHECK(host.count("job_logs where message = 'WARNING:  warning number 20000'") == 1);
    CHECK(host.count("job_logs where stream = 'schedctl' and message like '… % cut …'") == 1);
    CHECK(std::stoi(host.database.value("select sum(octet_length(message)) from job_logs")) <=
          256 * 1024 + 100);
  }

  TEST_CASE("a statement that holds COMMIT is refused for good; its job is not done twice") {
    SqlHost host("");  // which would try three times more
    host.statement("commits", "insert into @.effects values ('commits'); commit; select 1");
    host.statement("rolls", "insert into @.effects values ('rolls'); rollback");
    const auto commits = host.enqueue("commits"), rolls = host.enqueue("rolls");

    CHECK(host.process().exit_code == 0);
    CHECK(host.process().exit_code == 0);

    for (const auto job : {commits, rolls}) {
      CHECK(host.status(job) == "failed");
      CHECK(host.attempts(job) == "failed/sql");
      CHECK(host.error(job).find("autonomous") != std::string::npos);
    }
    CHECK(host.effects() == "commits");
  }

  TEST_CASE("whatever a statement does to its session, its job's completion is not lost") {
    SqlHost host;
    host.statement("upsets",
                   "insert into @.effects values ('upset'); set search_path = pg_catalog; "
                   "set standard_conforming_strings = off; set datestyle = 'SQL, DMY'; "
                   "set timezone = 'Asia/Kolkata'; set statement_timeout = '5s'; "
                   "set client_min_messages = debug5; deallocate all");
    const auto upsets = host.enqueue("upsets");

    CHECK(host.process().exit_code == 0);

    CHECK(host.attempts(upsets) == "completed");
    CHECK(host.effects() == "upset");
  }

  TEST_CASE("a statement that locks the queue delays the others, and loses nothing") {
    SqlHost host;
    host.statement("locks",
                   "lock table @.job_queue in access exclusive mode; "
                   "insert into @.effects values ('locked'); select pg_sleep(2)");
    const auto locks = host.enqueue("locks");
    auto run = host.start_process();
    host.await(
        "pg_locks where relation = 'job_queue'::regclass and granted and "
        "mode = 'AccessExclusiveLock'",
        1);
    auto other = host.start(
        {"process"}, {"SCHEDCTL_HOST=host-b", "SCHEDCTL_STATE_DIR=" + (host.folder / "state-b")});

    CHECK(run.wait().exit_code == 0);
    CHECK(other.wait().exit_code == 0);
    CHECK(host.attempts(locks) == "completed");
    CHECK(host.effects() == "locked");
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("a statement that locks the queue for long is ended by its timeout, then all goes on") {
    SqlHost host;
    host.statement("locks",
                   "lock table @.job_queue in access exclusive mode; select pg_sleep(60) /* @ */",
                   "timeout = \"1s\"");
    const auto locks = host.enqueue("locks");

    CHECK(host.start_process().wait(20s).exit_code == 0);
    const auto noop = host.enqueue("noop");
    host.tick();

    CHECK(host.attempts(locks) == "timeout/timeout");
    CHECK(host.status(noop) == "completed");
    host.check_no_backend_left();
  }
}
