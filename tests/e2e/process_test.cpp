#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>

#include "support/claims.h"
#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// Everything that a run could change.
std::string contents(Host& host) {
  std::string all;
  for (const char* table : {"job_queue", "job_executions", "job_logs", "workers", "hosts"})
    all += host.database.value(
        fmt::format("select coalesce(json_agg(t order by t::text)::text, '') from {} t", table));
  return all;
}

}  // namespace

TEST_SUITE("e2e::process [db]") {
  TEST_CASE("a run does what is due, records it and says nothing") {
    Host host;
    host.handler("greet", "echo hello; echo oops >&2");
    const auto due = host.enqueue("greet"), idle = host.enqueue("noop");
    const auto later =
        host.database
            .query("select enqueue('greet', scheduled_for => now() + interval '1 h')")[0][0]
            .as<job::JobId>();

    host.tick();

    CHECK(host.status(due) == "completed");
    CHECK(host.status(idle) == "completed");
    CHECK(host.status(later) == "pending");
    CHECK(host.count("job_executions where status = 'completed' and started_at <= finished_at "
                     "and attempt = 1 and worker like 'host-a:%'") == 2);
    CHECK(host.count("job_logs where stream = 'stdout' and message = 'hello'") == 1);
    CHECK(host.count("job_logs where stream = 'stderr' and message = 'oops'") == 1);
    CHECK(host.count("workers") == 0);
    CHECK(host.count("hosts where host = 'host-a'") == 1);
  }

  TEST_CASE("a run with nothing to do says nothing and leaves nothing but its sign of life") {
    Host host;
    host.tick();
    CHECK(host.count("hosts") == 1);
    CHECK(host.count("workers") == 0);
    CHECK(host.count("job_executions") == 0);
  }

  TEST_CASE("a type that is named twice is one type") {
    Host host;
    host.enqueue_many("noop", 10);

    host.tick({"--type", "noop", "--type", "noop"});

    CHECK(host.count("job_executions where status = 'completed'") == 10);
  }

  TEST_CASE("--limit ends a run after so many jobs, the most urgent ones") {
    Host host;
    host.enqueue_many("noop", 5);
    host.database.query("select enqueue('noop', priority => 90) from generate_series(1, 2)");

    host.tick({"--limit", "3"});

    CHECK(host.count("job_executions") == 3);
    CHECK(host.count("job_executions where priority = 90") == 2);
    CHECK(host.count("job_queue where status = 'pending'") == 4);
  }

  TEST_CASE("--type leaves other types alone, and an unknown one is a wrong command line") {
    Host host;
    host.handler("mail", "exit 0");
    const auto mail = host.enqueue("mail"), noop = host.enqueue("noop");

    const auto wrong = host.process({"--type", "mial"});
    CHECK(wrong.exit_code == 64);
    CHECK(wrong.err.find("mial") != std::string::npos);
    CHECK(wrong.err.find("\"mail\"") != std::string::npos);
    CHECK(host.count("job_executions") == 0);

    host.tick({"--type", "mail"});
    CHECK(host.status(mail) == "completed");
    CHECK(host.status(noop) == "pending");
  }

  TEST_CASE("--dry-run names what would run and changes nothing") {
    Host host;
    const auto job = host.enqueue("noop");
    const auto before = contents(host);

    const auto shown = host.process({"--dry-run"});

    CHECK(shown.exit_code == 0);
    CHECK(shown.out.find(fmt::format("job {} noop", job)) != std::string::npos);
    CHECK(shown.err == "");
    CHECK(contents(host) == before);
  }

  TEST_CASE("--fail-on-job-error turns a failed attempt into exit code 1, without it it is 0") {
    Host host("[retry]\nmax_retries = 0\n");
    host.handler("bad", "exit 3");
    host.enqueue("bad");
    CHECK(host.process().exit_code == 0);

    host.enqueue("bad");
    CHECK(host.process({"--fail-on-job-error"}).exit_code == 1);

    host.enqueue("noop");
    CHECK(host.process({"--fail-on-job-error"}).exit_code == 0);
  }

  TEST_CASE("a second run on the same host ends at once and starts nothing") {
    Host host;
    host.handler("long", "echo started >long.started; while [ ! -e go ]; do sleep 0.01; done");
    host.enqueue("long");
    auto first = host.start_process({"--type", "long"});
    host.await_line("long.started");
    const auto job = host.enqueue("noop");

    const auto began = std::chrono::steady_clock::now();
    host.tick();
    CHECK((std::chrono::steady_clock::now() - began) / 1ms < 1000);

    CHECK(first.running());
    CHECK(host.count("job_executions") == 0);
    CHECK(host.count("workers") == 1);
    host.folder.write("go", "");
    CHECK(first.wait().exit_code == 0);
    CHECK(host.status(job) == "pending");
  }

  TEST_CASE(
      "while a long job still runs after max_runtime, the next run works in the free places") {
    Host host("[process]\nmax_concurrent_jobs = 3\n");
    host.handler("long", "echo started >long.started; while [ ! -e go ]; do sleep 0.01; done");
    // Says how many run at this moment, itself and the long one included.
    host.handler("short",
                 "mkdir -p running; : >running/$$\n"
                 "until [ $(ls running | wc -l) -ge 2 ] || [ -e passed ]; do sleep 0.01; done\n"
                 ": >passed; ls running | wc -l >>counts; sleep 0.05; rm running/$$");
    const auto long_job = host.enqueue("long");
    auto first = host.start_process({"--max-runtime", "1s"});
    host.await_line("long.started");

    const auto lock_is_free = "flock -n " + (host.folder / "state") + "/process-*.lock true";
    wait_until(
        [&] {
          return run({"/bin/sh", "-c", lock_is_free}).exit_code == 0;
        },
        "the first run to let go of the lock", 10s);
    host.enqueue_many("short", 12);
    host.tick();

    CHECK(first.running());
    CHECK(host.status(long_job) == "running");
    CHECK(host.count("job_executions where job_type = 'short' and status = 'completed'") == 12);
    CHECK(host.count("(select distinct worker from job_executions) as workers") == 1);
    const auto counts = host.read("counts");
    CHECK(counts.find('2') != std::string::npos);  // two short ones beside the long one,
    CHECK(counts.find('3') == std::string::npos);  // never three
    host.folder.write("go", "");
    CHECK(first.wait().exit_code == 0);
    CHECK(host.status(long_job) == "completed");
  }

  TEST_CASE("twenty hosts that start at once share 200 jobs, each done exactly once") {
    Host host("[process]\nmax_concurrent_jobs = 2\n");
    host.handler("once", "echo $SCHEDCTL_JOB_ID >>done");
    host.enqueue_many("noop", 140);
    host.enqueue_many("once", 60);

    std::vector<Process> runs;
    for (int i = 0; i < 20; ++i)
      runs.push_back(host.start(
          {"process"}, {fmt::format("SCHEDCTL_HOST=host-{}", i),
                        "SCHEDCTL_STATE_DIR=" + (host.folder / fmt::format("state-{}", i))}));
    for (auto& run : runs) {
      const auto end = run.wait();
      CHECK(end.exit_code == 0);
      CHECK(end.out == "");
      CHECK(end.err == "");
    }

    CHECK(host.count("job_queue") == 0);
    CHECK(host.count("job_executions where status = 'completed'") == 200);
    CHECK(host.count("job_executions") == 200);
    CHECK(host.count("(select distinct job_queue_id from job_executions) as jobs") == 200);
    CHECK(host.lines("done") == 60);
    CHECK(host.count("hosts") == 20);
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("cleanup-stuck takes back the jobs of a dead worker; --dry-run only counts them") {
    Host host;
    host.handler("hang", "echo $$ >hang.pid; exec sleep 30");
    const auto job = host.enqueue("hang");
    auto run = host.start_process();
    host.await_line("hang.pid");

    const auto live = host.run({"cleanup-stuck", "--older-than", "1ms"});
    CHECK(live.exit_code == 1);
    CHECK(live.out.find(fmt::format("job {} hang runs since", job)) != std::string::npos);
    CHECK(host.status(job) == "running");
    CHECK(run.running());

    run.kill(SIGKILL);
    run.wait();
    const auto pid = std::stoi(host.read("hang.pid"));
    wait_until([&] { return !alive(pid); }, "the handler to end");
    const auto before = contents(host);
    const auto dry = host.run({"cleanup-stuck", "--dry-run"});
    CHECK(dry.exit_code == 0);
    CHECK(dry.out == "1 dead workers; 1 jobs would run again, 0 would be dead\n");
    CHECK(contents(host) == before);

    const auto real = host.run({"cleanup-stuck"});
    CHECK(real.exit_code == 0);
    CHECK(real.out == "1 dead workers; 1 jobs will run again, 0 are dead\n");
    CHECK(host.status(job) == "pending");
    CHECK(host.attempts(job) == "lost/worker_died");
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("cleanup-stuck finds the one dead run behind fifteen thousand jobs of a live one") {
    Host host;
    host.handler("hang", "echo $$ >hang.pid; exec sleep 30");
    host.database.query(
        "insert into job_queue (job_type, scheduled_for) "
        "select 'x', $1 from generate_series(1, 15000)",
        {past});
    auto connection = host.database.connect(db::Session::claiming);
    auto request = claim_request("x", 15000);
    request.worker = 1'000'000;  // no number that a run is given
    REQUIRE(claim(connection, request).size() == 15000);
    const auto job = host.enqueue("hang");
    auto run = host.start_process();
    const auto pid = std::stoi(host.await_line("hang.pid"));
    run.kill(SIGKILL);
    run.wait();
    wait_until([&] { return !alive(pid); }, "the handler to end");

    const auto cleaned = host.run({"cleanup-stuck"});

    CHECK(cleaned.out.starts_with("1 dead workers; 1 jobs will run again, 0 are dead\n"));
    CHECK(host.status(job) == "pending");
    CHECK(host.count("job_queue where status = 'running'") == 15000);
  }
}
