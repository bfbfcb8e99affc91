// Runs that stay and wait for jobs.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

#include "support/host.h"
#include "support/pooler.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

// Who hears of jobs need not look for them.
const std::string never_polls =
    fmt::format("[process]\npoll_interval = \"{}\"\n", pooled() ? "100ms" : "1h");

// Waits until it hears of jobs.
Process start_lingering(Host& host, std::vector<std::string> flags = {"--linger", "55s"}) {
  auto run = host.start_process(std::move(flags));
  host.await_lingering();
  return run;
}

void await_completed(Host& host, job::JobId job) {
  wait_until([&] { return host.status(job) == "completed"; }, fmt::format("job {}", job));
}

// Milliseconds from an instant of its job until the first attempt began.
double started_after(Host& host, const std::string& instant, job::JobId job) {
  return std::stod(host.database.value(
      fmt::format("select extract(epoch from started_at - {}) * 1000 from job_executions "
                  "where job_queue_id = $1 order by id limit 1",
                  instant),
      {job}));
}

job::JobId enqueue_in(Host& host, const std::string& type, int milliseconds) {
  return host.database
      .query("select enqueue($1, scheduled_for => now() + $2::bigint * interval '1 ms')",
             {type, milliseconds})[0][0]
      .as<job::JobId>();
}

// Half of some jobs, each enqueued when the last is over, have begun within so many milliseconds.
double usual_delay(Host& host, const std::string& type) {
  std::vector<double> delays;
  for (int i = 0; i < 21; ++i) {
    const auto job = host.enqueue(type);
    await_completed(host, job);
    delays.push_back(started_after(host, "job_created_at", job));
  }
  std::sort(delays.begin(), delays.end());
  return delays[delays.size() / 2];
}

// Waits until a run has looked for jobs once more.
void await_look(Host& host) {
  const auto now = host.database.value("select clock_timestamp()");
  wait_until(
      [&] {
        return host.database.value(
                   "select count(*) from pg_stat_activity where state = 'idle' and "
                   "query like '%level (job_type, claim_class, priority)%' and query_start > "
                   "$1::timestamptz",
                   {now}) != "0";
      },
      "a look for jobs");
}

void stop(Process& run) {
  run.kill(SIGTERM);
  CHECK(run.wait(10s).exit_code == 143);
}

}  // namespace

TEST_SUITE("e2e::linger [db]") {
  TEST_CASE(
      "a run that lingers starts a job when it is enqueued, long before it would look again") {
    if (needs_session("it listens")) return;
    Host host(never_polls);
    host.handler("greet", "exit 0");
    auto run = start_lingering(host);

    CHECK(usual_delay(host, "greet") < 50);
    CHECK(usual_delay(host, "noop") < 50);
    stop(run);

    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("a job that falls due while a run lingers starts at its time and not before") {
    Host host(never_polls);
    host.handler("greet", "exit 0");
    auto run = start_lingering(host);

    std::vector<double> delays;
    for (const int in : {700, 500, 300}) {
      const auto job = enqueue_in(host, in == 500 ? "noop" : "greet", in);
      await_completed(host, job);
      delays.push_back(started_after(host, "job_scheduled_for", job));
    }
    stop(run);

    std::sort(delays.begin(), delays.end());
    CHECK(delays.front() >= 0);
    CHECK(delays[1] < 50);
    CHECK(delays.back() < 500);
  }

  TEST_CASE("a failed job is tried again at its time while the run lingers") {
    Host host(never_polls);
    host.handler("second", "[ \"$SCHEDCTL_ATTEMPT\" = 2 ]", "base_delay = \"400ms\"\njitter = 0\n");
    auto run = start_lingering(host);
    const auto job = host.enqueue("second");
    await_completed(host, job);
    stop(run);

    CHECK(host.attempts(job) == "failed/exit completed");
    CHECK(started_after(host, "(select finished_at from job_executions where status = 'completed')",
                        job) < -400);
    CHECK(started_after(host, "(select started_at from job_executions where status = 'completed')",
                        job) > -900);
  }

  TEST_CASE("SIGTERM ends a run that lingers at once") {
    Host host(never_polls);
    host.handler("greet", "exit 0");
    auto run = start_lingering(host);
    await_completed(host, host.enqueue("greet"));

    const auto asked = Clock::now();
    run.kill(SIGTERM);
    const auto end = run.wait(10s);

    CHECK((Clock::now() - asked) / 1ms < 500);
    CHECK(end.exit_code == 143);
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("a run that has nothing to do stays for linger, silently, then gives its lock back") {
    std::string max_runtime;
    SUBCASE("the window for work is shorter") { max_runtime = "100ms"; }
    SUBCASE("the window for work is longer") { max_runtime = "1d"; }
    Host host(never_polls);
    const auto began = Clock::now();
    auto run = start_lingering(host, {"--linger", "1500ms", "--max-runtime", max_runtime});

    auto other = host.process({"--linger", "55s"});
    CHECK(other.exit_code == 0);  // the lock is held
    CHECK(run.running());
    const auto end = run.wait(10s);
    const auto stayed = (Clock::now() - began) / 1ms;

    CHECK(end.exit_code == 0);
    CHECK(end.err == "");
    CHECK(stayed >= 1400);
    CHECK(stayed < 2500);
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("what was enqueued between two lingering runs is claimed by the second at its start") {
    Host host(never_polls);
    host.handler("greet", "exit 0");
    auto first = start_lingering(host);
    stop(first);
    const auto job = host.enqueue("greet");
    auto second = host.start_process({"--linger", "55s"});
    await_completed(host, job);
    stop(second);
  }

  TEST_CASE(
      "a transaction that has enqueued before the run could be seen is found without polling") {
    if (needs_session("it listens")) return;
    Host host(never_polls);
    host.handler("greet", "exit 0");
    auto producer = host.database.connect();
    db::Transaction tx(producer);
    const auto job = tx.exec_text("select enqueue('greet')")[0][0].as<job::JobId>();
    auto run = start_lingering(host);
    await_completed(host, host.enqueue("greet"));

    tx.commit();
    await_completed(host, job);
    stop(run);
  }

  TEST_CASE("a pause stops the claims of a run that lingers, its end starts them at once") {
    Host host(never_polls);
    host.handler("greet", "exit 0");
    auto run = start_lingering(host);
    host.database.query("select pause()");
    const auto waiting = host.enqueue("greet");
    await_look(host);
    CHECK(host.status(waiting) == "pending");

    host.database.query("select resume()");
    await_completed(host, waiting);
    CHECK(started_after(host, "(select max(at) from audit_log where action = 'resume')", waiting) <
          500);
    stop(run);
  }

  TEST_CASE("a run that lingers ends when its limit is reached") {
    Host host(never_polls);
    auto run = start_lingering(host, {"--linger", "55s", "--limit", "2"});
    host.enqueue_many("noop", 3);
    CHECK(run.wait(10s).exit_code == 0);
    CHECK(host.count("job_queue") == 1);
  }

  TEST_CASE("a run whose session is cut hears of jobs on the next one") {
    if (needs_session("it listens")) return;
    Host host(never_polls);
    host.handler("greet", "exit 0");
    auto run = start_lingering(host);
    const auto session = [&] {
      return host.database.value(
          "select max(pid) from pg_locks where locktype = 'advisory' and objsubid = 2 "
          "and objid::bigint = (select id from workers)");
    };
    const auto first = session();
    REQUIRE(first != "");
    host.database.query("select pg_terminate_backend($1::integer)", {first});
    wait_until([&] { return session() != "" && session() != first; }, "a new session");

    CHECK(usual_delay(host, "greet") < 50);
    run.kill(SIGTERM);
    const auto end = run.wait(10s);
    CHECK(end.exit_code == 143);
    CHECK(end.err == "");
  }
}
