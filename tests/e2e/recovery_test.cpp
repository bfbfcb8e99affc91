// How soon the work of the dead goes on. `scripts/chaos --recovery` measures it many times.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "support/host.h"
#include "support/pooler.h"
#include "support/times.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

// Its first attempt hangs in a tree of two sessions, the next ends at once.
constexpr const char* witness =
    "echo $$ >>begun.$SCHEDCTL_JOB_ID\n"
    "[ \"$SCHEDCTL_ATTEMPT\" = 1 ] || exit 0\n"
    "setsid sleep 60 & echo $! >>tree.$SCHEDCTL_JOB_ID\n"
    "wait";

// How soon another host takes over from a dead one, and by what it knows: through a pooler, nothing
// but the end of the lease tells.
double takeover() { return pooled() ? 16.0 : 1.0; }
const char* evidence() { return pooled() ? "its lease is over" : "its session is gone"; }

// Takes the times of all rounds.
void measure(const std::string& what, double target, const std::function<Seconds()>& once,
             int times_to_take = rounds()) {
  std::vector<double> times;
  for (int i = 0; i < times_to_take; ++i) times.push_back(once().count());
  check_times(what, std::move(times), target);
}

// Host b; host a is the one that dies.
std::vector<std::string> other_host(const Host& host) {
  return {"SCHEDCTL_HOST=host-b", "SCHEDCTL_STATE_DIR=" + (host.folder / "state-b")};
}

Process start_lingering_other(Host& host) {
  auto run = host.start({"process", "--linger", "55s"}, other_host(host));
  host.await_lingering("host-b");
  return run;
}

// A job that hangs on host a.
struct Hanging {
  job::JobId job;
  Process run;
  std::vector<pid_t> tree;

  Hanging(Host& host, const std::string& type)
      : job(host.enqueue(type)), run(host.start_process()) {
    await_tree(host, job);
  }
  void await_tree(const Host& host, job::JobId of) {
    for (const auto& file : {fmt::format("tree.{}", of), fmt::format("begun.{}", of)})
      tree.push_back(std::stoi(host.await_line(file)));
  }
  bool any_alive() const { return std::any_of(tree.begin(), tree.end(), alive); }
};

// The other host looks each 250 ms: from round to round, the kill comes at another moment of that.
void shift_phase(const Process& other, int& round) {
  wait_for_any({&other}, std::chrono::milliseconds(250 * round++ / rounds()));
}

void await_end_of_sessions(Host& host) {
  wait_until(
      [&] {
        return host.count(
                   "pg_locks where locktype = 'advisory' and classid = "
                   "hashtext('schedctl.worker.' || current_schema())::oid") == 0;
      },
      "the session of the killed run to end");
}

void await_second_start(const Host& host, const Hanging& hanging) {
  wait_until([&] { return host.lines(fmt::format("begun.{}", hanging.job)) == 2; },
             "the second attempt to begin");
  CHECK_FALSE(hanging.any_alive());
}

// A job that lasts so long, while two other hosts look for the dead all the time.
void outlive(Host& host, std::chrono::seconds duration) {
  host.handler("long", "echo >>begun; while [ ! -e go ]; do sleep 0.05; done");
  const auto job = host.enqueue("long");
  auto run = host.start_process();
  host.await_line("begun");

  for (const auto end = Clock::now() + duration; Clock::now() < end;) {
    CHECK(host.start({"process"}, other_host(host)).wait().exit_code == 0);
    CHECK(host.start({"cleanup-stuck"}, {"SCHEDCTL_HOST=host-c"}).wait().exit_code == 0);
  }
  host.folder.write("go", "");

  CHECK(run.wait().exit_code == 0);
  CHECK(host.lines("begun") == 1);
  CHECK(host.attempts(job) == "completed");
}

void check_recovered(Host& host, job::JobId job, const std::string& why) {
  wait_until([&] { return host.status(job) == "completed"; }, "the second attempt to end");
  CHECK(host.attempts(job) == "lost/worker_died completed");
  CHECK(host.count(fmt::format("job_executions where job_queue_id = {} and status = 'lost' and "
                               "error_message like '%{}%' and started_at < finished_at",
                               job, why)) == 1);
}

// A run is killed with its job, and the next one started, here or elsewhere. Until that goes on.
Seconds next_run(Host& host, const std::vector<std::string>& where, const std::string& why) {
  Hanging hanging(host, "witness");
  hanging.run.kill(SIGKILL);
  hanging.run.wait();
  // Another host has nothing else to go by, and the server needs a moment to notice.
  if (!where.empty()) await_end_of_sessions(host);
  const auto began = Clock::now();
  auto next = host.start({"process"}, where);
  await_second_start(host, hanging);
  const auto took = Clock::now() - began;
  CHECK(next.wait().exit_code == 0);
  check_recovered(host, hanging.job, why);
  return took;
}

}  // namespace

TEST_SUITE("e2e::recovery [db]") {
  TEST_CASE("R1: the job of a killed run goes on within a second on another host that is awake") {
    Host host;
    host.handler("witness", witness);

    int round = 0;
    measure("R1, killed worker, another awake", takeover(), [&] {
      Hanging hanging(host, "witness");
      const auto other = start_lingering_other(host);
      shift_phase(other, round);
      const auto killed = Clock::now();
      hanging.run.kill(SIGKILL);
      await_second_start(host, hanging);
      const auto took = Clock::now() - killed;
      check_recovered(host, hanging.job, evidence());
      return Seconds(took);
    });
  }

  TEST_CASE("R2: when none is awake, the job goes on within a second of the next run's start") {
    Host host;
    host.handler("witness", witness);
    measure("R2, next run on the same host", 1.0,
            [&] { return next_run(host, {}, "process is gone"); });
  }

  TEST_CASE("R2: also when that is a run of another host") {
    if (needs_session("its end is the one thing that tells before the lease is over")) return;
    Host host;
    host.handler("witness", witness);
    measure("R2, next run on another host", 1.0,
            [&] { return next_run(host, other_host(host), "session is gone"); });
    measure("R2, next run on another host, with other work", 1.0, [&] {
      host.enqueue("noop");
      return next_run(host, other_host(host), "session is gone");
    });
  }

  TEST_CASE("R3: a run that is killed in a long statement does not hold its job up for long") {
    Host host;
    host.configure(
        "[handler.long]\ntype = \"sql\"\nstatement = \"select pg_sleep(case when "
        "current_setting('schedctl.attempt') = '1' then 60 else 0 end)\"\n");
    const auto asleep = [&] {
      return host.count(
          "pg_stat_activity where wait_event = 'PgSleep' and query like "
          "'%schedctl.attempt%'");
    };

    int round = 0;
    measure("R3, killed in a statement", takeover() + 0.5, [&] {
      const auto job = host.enqueue("long");
      auto run = host.start_process();
      wait_until([&] { return asleep() == 1; }, "the statement to begin");
      const auto other = start_lingering_other(host);
      shift_phase(other, round);
      const auto killed = Clock::now();
      run.kill(SIGKILL);
      wait_until([&] { return host.status(job) == "completed"; }, "the second attempt to end");
      const auto took = Clock::now() - killed;
      CHECK(asleep() == 0);
      check_recovered(host, job, evidence());
      return Seconds(took);
    });
  }

  TEST_CASE("R5: the job of a frozen run goes on within a second of the end of its lease" *
            doctest::skip(!measures())) {
    Host host;
    host.handler("witness", witness);
    const auto once = [&] {
      Hanging hanging(host, "witness");
      auto other = start_lingering_other(host);
      const auto frozen = Clock::now();
      hanging.run.kill(SIGSTOP);
      await_second_start(host, hanging);
      const Seconds took = Clock::now() - frozen;
      check_recovered(host, hanging.job, "its lease is over");
      hanging.run.kill(SIGCONT);
      CHECK(hanging.run.wait().exit_code == 75);
      CHECK(host.attempts(hanging.job) == "lost/worker_died completed");
      return took;
    };

    // The lease counts from its last renewal, up to a second before the freeze.
    measure("R5, frozen worker", 16, once, std::max(1, rounds() / 3));
  }

  TEST_CASE("R9: a handler's tree is gone half a second after its timeout and its grace") {
    Host host("[retry]\nmax_retries = 0\n");
    host.handler("deaf",
                 "trap '' TERM\necho $$ >begun.$SCHEDCTL_JOB_ID\n"
                 "setsid sleep 60 & echo $! >tree.$SCHEDCTL_JOB_ID\n"
                 "kill -STOP $$\nwhile :; do sleep 0.05; done",
                 "timeout = \"500ms\"\nkill_grace = \"500ms\"");

    measure("R9, beyond timeout and grace", 0.5, [&] {
      Hanging hanging(host, "deaf");
      const auto begun = Clock::now();
      wait_until([&] { return !hanging.any_alive(); }, "the tree to end");
      const auto took = Clock::now() - begun - 1s;
      CHECK(hanging.run.wait().exit_code == 0);
      CHECK(host.attempts(hanging.job) == "timeout/timeout");
      CHECK(host.count("job_executions where signal is distinct from 9") == 0);
      return std::max(Seconds(took), Seconds(0));
    });
  }

  TEST_CASE("R10: the handlers of a killed run are gone within 0.4 s, with all their trees") {
    Host host("[process]\nmax_concurrent_jobs = 10\n");
    host.handler("witness", witness);

    measure("R10, handler trees after SIGKILL", 0.4, [&] {
      std::vector<job::JobId> others;
      for (int i = 0; i < 9; ++i) others.push_back(host.enqueue("witness"));
      Hanging hanging(host, "witness");
      for (const auto job : others) hanging.await_tree(host, job);
      const auto killed = Clock::now();
      hanging.run.kill(SIGKILL);
      wait_until([&] { return !hanging.any_alive(); }, "the trees to end");
      const auto took = Clock::now() - killed;
      CHECK(host.process().exit_code == 0);
      check_recovered(host, hanging.job, "its process is gone");
      return Seconds(took);
    });
    CHECK(host.count("job_queue") == 0);
  }

  TEST_CASE("a job that runs for three leases is run once, whoever looks meanwhile") {
    Host host;
    host.database.query(
        "create function shorten() returns trigger language plpgsql as $$ begin "
        "new.lease_until := clock_timestamp() + interval '2 s'; return new; end $$; "
        "create trigger shorten before insert or update on workers "
        "for each row execute function shorten()");
    outlive(host, 6s);
  }

  TEST_CASE("a job that runs for three leases of the usual length is run once" *
            doctest::skip(!measures())) {
    Host host;
    outlive(host, 46s);
  }
}
