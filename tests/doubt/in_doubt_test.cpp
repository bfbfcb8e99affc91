// The answer to a COMMIT is lost: it has taken effect, or it has not, and nobody said which.
#include <doctest/doctest.h>
#include <signal.h>

#include <string>

#include "doubt/history.h"
#include "support/together.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// A server on which a COMMIT waits: after it has taken effect here, for a standby that does not
// exist; or before, in a trigger.
class Swamp {
 public:
  Island island;

  // What commits from now on waits for the standby, except for what says otherwise.
  void wait_after_commit() const {
    island.server.query("alter system set synchronous_standby_names = 'nobody'");
    reload("nobody");
  }
  // The first to commit a change of this kind waits before it takes effect: "insert on job_queue".
  void wait_before_commit(const std::string& change) const {
    island.server.query(
        "create sequence public.tries; "
        "create function public.wait_once() returns trigger language plpgsql as $$ begin "
        "if nextval('public.tries') = 1 then perform pg_sleep(60); end if; return null; end $$; "
        "create constraint trigger wait_once after " +
        change.substr(0, change.find(" on ")) + " on schedctl." +
        change.substr(change.find(" on ") + 4) +
        " deferrable initially deferred for each row execute function public.wait_once()");
  }
  // Cuts the session that waits, and ends the waiting for others.
  void cut() const {
    const std::string who =
        "from pg_stat_activity where wait_event in ('SyncRep', 'PgSleep') and application_name = "
        "'schedctl'";
    wait_until([&] { return island.value("select count(*) " + who) == "1"; },
               "a session to wait at its COMMIT");
    island.server.query("alter system reset synchronous_standby_names");
    REQUIRE(island.value("select pg_terminate_backend(pid, 10000) " + who) == "t");
    reload("");
  }
  // Without waiting for anybody.
  job::JobId enqueue(const std::string& type, const std::string& payload) const {
    return std::stol(island.value("set synchronous_commit = local; select enqueue('" + type +
                                  "', '" + payload + "'::json)"));
  }
  void check_done_once(const std::string& type) const {
    CHECK(island.value("select string_agg(concat_ws('/', job_type, status, attempt), ' ') from "
                       "job_executions") == type + "/completed/1");
    CHECK(island.value("select count(*) from job_queue") == "0");
  }

 private:
  void reload(const std::string& names) const {
    island.server.query("select pg_reload_conf()");
    wait_until([&] { return island.value("show synchronous_standby_names") == names; },
               "the server to read its settings");
  }
};

// A job is stored once, and its id is printed.
void check_stored_once(const Swamp& swamp, Process& enqueue) {
  const auto end = enqueue.wait();
  CAPTURE(end.err);
  CHECK(end.exit_code == 0);
  CHECK(end.err == "");
  CHECK(end.out == swamp.island.value("select id from job_queue") + "\n");
}

void enqueue_that_took_effect() {
  const Swamp swamp;
  swamp.wait_after_commit();
  auto enqueue = swamp.island.host.start({"enqueue", "noop"});
  swamp.cut();
  check_stored_once(swamp, enqueue);
}

void enqueue_that_did_not() {
  const Swamp swamp;
  swamp.wait_before_commit("insert on job_queue");
  auto enqueue = swamp.island.host.start({"enqueue", "noop"});
  swamp.cut();
  check_stored_once(swamp, enqueue);
}

// The server goes away, so nobody can be asked.
void enqueue_that_nobody_knows_of() {
  const Swamp swamp;
  const auto& [server, host] = swamp.island;
  const auto lose = [&](std::vector<std::string> command) {
    swamp.wait_after_commit();
    auto enqueue = host.start(std::move(command));
    wait_until(
        [&] {
          return swamp.island.value(
                     "select count(*) from pg_stat_activity where wait_event = 'SyncRep'") == "1";
        },
        "the COMMIT");
    server.query("alter system reset synchronous_standby_names");
    server.crash();
    auto end = enqueue.wait();
    server.start_again();
    return end;
  };

  check_refused(lose({"enqueue", "noop"}), 75,
                "it is unknown whether job 1 was stored: look before you enqueue it again");
  check_refused(lose({"enqueue", "noop", "--unique", "k"}), 75, "is the server running?");

  const auto again = host.run({"enqueue", "noop", "--unique", "k", "--json"});
  CHECK(again.out ==
        "{\"id\":" + swamp.island.value("select id from job_queue where unique_key = 'k'") +
            ",\"inserted\":false}\n");
  CHECK(swamp.island.value("select count(*) from job_queue") == "2");
}

void claim(void (*lose)(const Swamp&)) {
  Swamp swamp;
  auto& host = swamp.island.host;
  add_witness(host);
  auto run = host.start_process({"--linger", "50s"});
  wait_until(
      [&] { return swamp.island.value("select count(*) from workers where lingers") == "1"; },
      "the run");

  lose(swamp);
  swamp.enqueue("witness", witness_payload("work=10"));
  swamp.cut();
  wait_until([&] { return swamp.island.statuses() == "completed"; }, "the job");
  run.kill(SIGTERM);

  const auto end = run.wait();
  CAPTURE(end.err);
  CHECK(end.exit_code == 128 + SIGTERM);
  CHECK(end.err == "");
  swamp.check_done_once("witness");
  check_history(host, swamp.island.server);
}

void claim_that_took_effect() {
  claim([](const Swamp& swamp) { swamp.wait_after_commit(); });
}

void claim_that_did_not() {
  claim([](const Swamp& swamp) { swamp.wait_before_commit("update of status on job_queue"); });
}

void completion(void (*lose)(const Swamp&)) {
  Swamp swamp;
  auto& host = swamp.island.host;
  host.handler("held", "echo >>begun; while [ ! -e go ]; do sleep 0.02; done");
  swamp.island.enqueue("held");
  auto run = host.start_process();
  host.await_line("begun");

  lose(swamp);
  host.folder.write("go", "");
  swamp.cut();

  const auto end = run.wait();
  CHECK(end.exit_code == 0);
  CHECK(end.err == "");
  CHECK(host.lines("begun") == 1);
  swamp.check_done_once("held");
}

void completion_that_took_effect() {
  completion([](const Swamp& swamp) { swamp.wait_after_commit(); });
}

void completion_that_did_not() {
  completion([](const Swamp& swamp) { swamp.wait_before_commit("insert on job_executions"); });
}

void statement_that_took_effect() {
  Swamp swamp;
  auto& host = swamp.island.host;
  swamp.island.server.query("create table public.effects (attempt text)");
  host.configure(
      "[handler.effect]\ntype = \"sql\"\nstatement = \"insert into public.effects select "
      "current_setting('schedctl.attempt') from pg_sleep(2)\"\n");
  swamp.island.enqueue("effect");
  auto run = host.start_process();
  wait_until(
      [&] {
        return swamp.island.value(
                   "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == "1";
      },
      "the statement");
  swamp.wait_after_commit();
  wait_until(
      [&] {
        return swamp.island.value(
                   "select count(*) from pg_stat_activity where wait_event = 'SyncRep'") == "1";
      },
      "its COMMIT");
  swamp.cut();

  const auto end = run.wait();
  CHECK(end.exit_code == 0);
  CHECK(end.err == "");
  CHECK(swamp.island.value("select string_agg(attempt, ' ') from public.effects") == "1");
  swamp.check_done_once("effect");
}

void statement_that_did_not() {
  Swamp swamp;
  auto& host = swamp.island.host;
  swamp.island.server.query("create table public.effects (attempt text)");
  swamp.wait_before_commit("insert on job_executions");
  host.configure(
      "[retry]\nbase_delay = \"1ms\"\n[handler.effect]\ntype = \"sql\"\nstatement = "
      "\"insert into public.effects select current_setting('schedctl.attempt')\"\n");
  swamp.island.enqueue("effect");
  auto run = host.start_process();
  swamp.cut();

  const auto end = run.wait();
  CHECK(end.exit_code == 0);
  CHECK(end.err == "");
  CHECK(swamp.island.value("select string_agg(attempt, ' ') from public.effects") == "2");
  CHECK(swamp.island.value("select string_agg(status, ' ' order by id) from job_executions") ==
        "failed completed");
}

}  // namespace

TEST_SUITE("doubt::in_doubt [db]") {
  TEST_CASE("an enqueue whose COMMIT has no answer is settled, or said to be unknown") {
    together({enqueue_that_took_effect, enqueue_that_did_not, enqueue_that_nobody_knows_of});
  }

  TEST_CASE("a claim or an outcome whose COMMIT has no answer is neither lost nor done twice") {
    together({claim_that_took_effect, claim_that_did_not, completion_that_took_effect,
              completion_that_did_not});
  }

  TEST_CASE("a statement of a sql handler whose COMMIT has no answer has its effect once") {
    together({statement_that_took_effect, statement_that_did_not});
  }
}
