// Others get in the way: conflicts that the server resolves at our cost, and settings that somebody
// has given the role.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "doubt/history.h"
#include "support/together.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// Changes of the queue fail as if others had been faster; `when` is about n, their number so far.
void make_conflicts(const Island& island, const std::string& when) {
  island.server.query(
      "create sequence public.tries; "
      "create function public.conflict() returns trigger language plpgsql as $$ "
      "declare n bigint := nextval('public.tries'); begin if " +
      when +
      " then raise exception 'could not serialize access' using errcode = '40001'; end if; "
      "return case when tg_op = 'DELETE' then old else new end; end $$; "
      "create trigger conflict before insert or update or delete on schedctl.job_queue "
      "for each row execute function public.conflict()");
}

void conflicts_now_and_then() {
  Island island("[process]\nmax_concurrent_jobs = 1\n");
  auto& host = island.host;
  host.handler("held", "echo >>begun; while [ ! -e go ]; do sleep 0.02; done");
  make_conflicts(island, "n % 4 = 1");

  for (const auto* type : {"noop", "held", "noop"})
    CHECK(host.run({"enqueue", type}).exit_code == 0);
  auto later = host.run({"enqueue", "noop", "--in", "1h"}).out;
  later.pop_back();
  CHECK(host.run({"job", "cancel", later}).exit_code == 0);
  auto run = host.start_process();
  host.await_line("begun");
  host.folder.write("go", "");
  const auto end = run.wait();

  CHECK(end.exit_code == 0);
  CHECK(end.err == "");
  CHECK(host.lines("begun") == 1);
  CHECK(island.statuses() == "completed completed completed cancelled");
  CHECK(island.value("select count(*) from job_executions where status = 'completed'") == "3");
}

void conflicts_for_ever() {
  Island island;
  auto& host = island.host;
  host.handler("never", "echo >>begun");
  island.enqueue("never");
  make_conflicts(island, "true");
  const auto tries = [&] { return std::stoi(island.value("select last_value from public.tries")); };

  check_refused(host.run({"enqueue", "never"}), 75, "could not serialize access");
  CHECK(tries() == 5);
  check_refused(host.run({"job", "cancel", "1"}), 75, "could not serialize access");
  CHECK(tries() == 10);
  check_refused(host.process(), 75, "could not serialize access");
  CHECK(tries() == 15);
  CHECK(host.lines("begun") == 0);
}

// We hold a new key and wait for a row; the other holds the row and waits for the key.
void deadlock() {
  const Island island;
  island.server.query(
      "create table public.counters (n int); insert into public.counters values (0); "
      "create function public.count() returns trigger language plpgsql as $$ begin "
      "update public.counters set n = n + 1; return null; end $$; "
      "create trigger count after insert on schedctl.job_queue for each row "
      "when (new.priority = 7) execute function public.count()");
  auto other =
      test::start({"psql", "-XAtq", "-c", "set deadlock_timeout = '60s'", "-c", "begin", "-c",
                   "update public.counters set n = 100", "-c", "select pg_sleep(0.5)", "-c",
                   "select schedctl.enqueue('noop', unique_key => 'k')", "-c", "commit",
                   island.server.socket_url()});
  wait_until(
      [&] {
        return island.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") ==
               "1";
      },
      "the other to hold the row");

  const auto ours =
      island.host.run({"enqueue", "noop", "--unique", "k", "--priority", "7", "--json"});

  const auto theirs = other.wait();
  CAPTURE(theirs.err);
  CHECK(theirs.exit_code == 0);
  CHECK(ours.exit_code == 0);
  CHECK(ours.err == "");
  CHECK(island.value("select count(*) from job_queue") == "1");
  CHECK(nlohmann::json::parse(ours.out).at("inserted") == false);
  CHECK(island.value("select deadlocks from pg_stat_database where datname = 'postgres'") == "1");
}

constexpr const char* hostile_settings[] = {
    "statement_timeout = '50ms'",
    "lock_timeout = '50ms'",
    "idle_in_transaction_session_timeout = '1s'",
    "search_path = 'nowhere'",
    "datestyle = 'German, DMY'",
    "intervalstyle = 'sql_standard'",
    "timezone = 'Asia/Kathmandu'",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on",
    "extra_float_digits = -15",
    "bytea_output = 'escape'",
    "standard_conforming_strings = off",
    "array_nulls = off",
    "transform_null_equals = on",
    "client_min_messages = 'debug5'",
    "enable_indexscan = off",
    "enable_bitmapscan = off",
    "quote_all_identifiers = on",
    "synchronous_commit = off",
};

void hostile_role() {
  Island island;
  auto& host = island.host;
  host.configure(
      "[retry]\nbase_delay = \"1ms\"\n[handler.slow]\ntype = \"sql\"\nrole = \"owner\"\n"
      "timeout = \"20s\"\nstatement = \"select pg_sleep(0.2)\"\n");
  host.handler("flaky", "echo a line; [ $SCHEDCTL_ATTEMPT = 2 ] && sleep 2", "timeout = \"9s\"");
  for (const auto* setting : hostile_settings)
    island.server.query(std::string("alter role owner set ") + setting);

  for (const auto* type : {"noop", "slow", "flaky"})
    CHECK(host.run({"enqueue", type, "--expires", "1h", "--unique", type}).exit_code == 0);
  const auto late = host.run({"enqueue", "noop", "--at", "2030-02-01T00:00:00Z"});
  CHECK(late.err == "");
  host.tick();

  const auto tested = host.run({"test"});
  CHECK_MESSAGE(tested.exit_code == 0, tested.out);
  for (const auto* command : {"status", "history", "logs", "cleanup-stuck", "migrate"}) {
    const auto end = host.run({command});
    CHECK_MESSAGE(end.exit_code == 0, command << ": " << end.err);
  }
  const auto shown = nlohmann::json::parse(host.run({"--json", "job", "show", "4"}).out);
  CHECK(shown.dump().find("2030-02-01T00:00:00") != std::string::npos);
  CHECK(island.statuses() == "completed completed completed pending");
  CHECK(island.value("select count(*) from job_executions where status = 'failed'") == "1");
}

}  // namespace

TEST_SUITE("doubt::conflict [db]") {
  TEST_CASE("conflicts with others are tried again, a few times") {
    together({conflicts_now_and_then, conflicts_for_ever, deadlock});
  }

  TEST_CASE("what somebody has set for the role changes nothing") { hostile_role(); }
}
