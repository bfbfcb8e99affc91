// Signals to a run, and cancelled jobs.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <filesystem>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

// Its first attempt hangs and does not hear SIGTERM, the next ends at once.
constexpr const char* deaf =
    "[ \"$SCHEDCTL_ATTEMPT\" = 1 ] || exit 0\n"
    "trap '' TERM; echo $$ >pid.$SCHEDCTL_JOB_ID\n"
    "while :; do sleep 0.05; done";

void await_handler(const Host& host, job::JobId job) {
  host.await_line(fmt::format("pid.{}", job));
}

bool handler_alive(const Host& host, job::JobId job) {
  return alive(std::stoi(host.await_line(fmt::format("pid.{}", job))));
}

}  // namespace

TEST_SUITE("e2e::process [db]") {
  TEST_CASE("SIGTERM gives the handlers their grace, then their jobs back") {
    Host host(
        "[process]\nmax_concurrent_jobs = 1\nshutdown_grace = \"1s\"\nshutdown_force = "
        "\"300ms\"\n");
    host.handler("deaf", deaf);
    const auto job = host.enqueue("deaf");
    const auto waiting = host.enqueue("deaf");
    auto run = host.start_process();
    await_handler(host, job);

    const auto asked = Clock::now();
    run.kill(SIGTERM);
    const auto end = run.wait();

    CHECK(end.exit_code == 143);
    CHECK((Clock::now() - asked) / 1ms >= 1000);
    CHECK((Clock::now() - asked) / 1ms < 4000);
    CHECK(!handler_alive(host, job));
    CHECK(host.status(job) == "pending");
    CHECK(host.attempts(job).starts_with("interrupted"));
    CHECK(host.status(waiting) == "pending");
    CHECK(host.attempts(waiting) == "");
    CHECK(host.database.value("select attempts from jobs where id = $1", {waiting}) == "0");
    CHECK(host.count("job_queue where locked_by is not null") == 0);
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("what a run has claimed ahead goes back at SIGTERM as if it had never been touched") {
    Host host(
        "[process]\nmax_concurrent_jobs = 1\nshutdown_grace = \"1s\"\nshutdown_force = "
        "\"300ms\"\n");
    // Quick ones make the run claim ahead; then one hangs.
    host.handler("mixed",
                 "echo x >>begun; n=0; while read -r line; do n=$((n + 1)); done <begun\n"
                 "[ $n -eq 30 ] || exit 0\n"
                 "echo $$ >hanging; exec sleep 30");
    host.enqueue_many("mixed", 100);
    auto run = host.start_process();
    host.await_line("hanging");
    host.await("job_queue where status = 'running'", 2);

    run.kill(SIGTERM);
    CHECK(run.wait().exit_code == 143);

    CHECK(host.lines("begun") == 30);
    CHECK(host.count("job_executions where status = 'completed'") == 29);
    CHECK(host.count("job_executions where status = 'interrupted'") == 1);
    CHECK(host.count("job_executions") == 30);
    CHECK(host.count("job_queue where status = 'pending'") == 71);
    CHECK(host.count("job_queue where attempts = 0 and interruptions = 0") == 70);
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("a handler that ends within the grace after SIGTERM has its job done") {
    Host host("[process]\nshutdown_grace = \"20s\"\n");
    host.handler("brief", "echo $$ >pid.$SCHEDCTL_JOB_ID; while [ ! -e go ]; do sleep 0.01; done");
    const auto job = host.enqueue("brief");
    auto run = host.start_process();
    await_handler(host, job);
    run.kill(SIGTERM);
    host.folder.write("go", "");
    CHECK(run.wait().exit_code == 143);
    CHECK(host.status(job) == "completed");
  }

  TEST_CASE("a second SIGINT ends a run without grace") {
    Host host("[process]\nshutdown_grace = \"20s\"\n");
    host.handler("hang", "echo $$ >pid.$SCHEDCTL_JOB_ID; exec sleep 30");
    const auto job = host.enqueue("hang");
    auto run = host.start_process();
    await_handler(host, job);

    const auto asked = Clock::now();
    run.kill(SIGINT);
    // Two pending signals of one kind are one: the second follows when the first has been taken.
    const auto pending = [&] {
      return test::run({"grep", "-Eq", "^(SigPnd|ShdPnd):.*[1-9a-f]",
                        fmt::format("/proc/{}/status", run.pid())})
                 .exit_code == 0;
    };
    wait_until([&] { return !pending(); }, "the first SIGINT to be taken");
    run.kill(SIGINT);
    const auto end = run.wait();

    CHECK(end.exit_code == 130);
    CHECK((Clock::now() - asked) / 1ms < 3000);
    CHECK(!handler_alive(host, job));
    CHECK(host.status(job) == "pending");
    CHECK(host.attempts(job).starts_with("interrupted"));
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("SIGHUP changes nothing") {
    Host host;
    host.handler("brief", "echo $$ >pid.$SCHEDCTL_JOB_ID; while [ ! -e go ]; do sleep 0.01; done");
    const auto job = host.enqueue("brief");
    auto run = host.start_process();
    await_handler(host, job);
    run.kill(SIGHUP);
    host.folder.write("go", "");
    CHECK(run.wait().exit_code == 0);
    CHECK(host.status(job) == "completed");
  }

  TEST_CASE("cancelling a running job stops its handler within seconds, and only that one") {
    Host host;
    host.handler("hang", "echo $$ >pid.$SCHEDCTL_JOB_ID; while [ ! -e go ]; do sleep 0.05; done");
    const auto wrong = host.enqueue("hang"), right = host.enqueue("hang");
    auto run = host.start_process();
    await_handler(host, wrong);
    await_handler(host, right);

    host.database.query("select cancel($1, 'wrong list')", {wrong});
    wait_until([&] { return !handler_alive(host, wrong); }, "the handler to end", 5s);
    wait_until([&] { return host.status(wrong) == "cancelled"; }, "the job to end", 5s);

    CHECK(handler_alive(host, right));
    host.folder.write("go", "");
    CHECK(run.wait().exit_code == 0);
    CHECK(host.attempts(wrong).starts_with("cancelled"));
    CHECK(host.status(right) == "completed");
  }

  TEST_CASE("outcomes that the database does not take are kept, and stored by the next run") {
    Host host("[process]\nshutdown_grace = \"200ms\"\nshutdown_force = \"200ms\"\n");
    host.handler("once", "echo ran >>ran.$SCHEDCTL_JOB_ID");
    const auto job = host.enqueue("once");
    auto session = host.database.connect();
    db::Transaction blocker(session);
    blocker.exec_text("lock table job_executions in share mode");
    auto run = host.start_process();
    host.await(
        "pg_locks where locktype = 'relation' and not granted and relation = "
        "'job_executions'::regclass",
        1);

    run.kill(SIGTERM);
    const auto end = run.wait();
    blocker.commit();

    CHECK(end.exit_code == 143);
    CHECK(host.status(job) == "running");
    CHECK(host.process().exit_code == 0);
    CHECK(host.attempts(job) == "completed");
    CHECK(host.lines(fmt::format("ran.{}", job)) == 1);
  }

  TEST_CASE("log lines that the database does not take are kept too, and stored by the next run") {
    Host host("[process]\nshutdown_grace = \"200ms\"\nshutdown_force = \"200ms\"\n");
    host.handler("talks", "echo begun; echo ended >&2");
    const auto job = host.enqueue("talks");
    auto session = host.database.connect();
    db::Transaction blocker(session);
    blocker.exec_text("lock table job_logs in share mode");
    auto run = host.start_process();
    host.await(
        "pg_locks where locktype = 'relation' and not granted and relation = "
        "'job_logs'::regclass",
        1);

    run.kill(SIGTERM);
    CHECK(run.wait().exit_code == 143);
    blocker.commit();
    CHECK(host.count("job_logs") == 0);
    CHECK(host.process().exit_code == 0);

    CHECK(host.attempts(job) == "completed");
    CHECK(host.database.value("select string_agg(concat_ws(' ', level, message), ', ' order by id) "
                              "from job_logs where job_execution_id = (select id from "
                              "job_executions where job_queue_id = $1)",
                              {job}) == "info begun, warn ended");
  }

  TEST_CASE("a run that could not give its jobs back leaves the next one the proof of its end") {
    Host host("[process]\nshutdown_grace = \"200ms\"\nshutdown_force = \"200ms\"\n");
    host.handler("deaf", deaf);
    const auto job = host.enqueue("deaf");
    auto run = host.start_process();
    await_handler(host, job);
    auto session = host.database.connect();
    db::Transaction blocker(session);
    blocker.exec_text("lock table job_queue in share mode");
    const auto spool = host.folder / "state";

    run.kill(SIGTERM);
    CHECK(run.wait().exit_code == 143);
    blocker.commit();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(spool))
      if (entry.path().extension() == ".json") std::filesystem::remove(entry.path());
    CHECK(host.process().exit_code == 0);

    CHECK(host.attempts(job) == "lost/worker_died completed");
    CHECK(host.count("job_executions where error_message like '%its process is gone'") == 1);
    for (const auto& entry : std::filesystem::directory_iterator(spool))
      CHECK_FALSE(entry.path().filename().string().starts_with("worker-"));
  }

  TEST_CASE("a signal ends a run within its grace, and each handler by what it does meanwhile") {
    for (const auto& [signal, exit_code] : {std::pair(SIGTERM, 143), std::pair(SIGINT, 130)}) {
      CAPTURE(signal);
      Host host(
          "[process]\nmax_concurrent_jobs = 3\nshutdown_grace = \"300ms\"\nshutdown_force = "
          "\"300ms\"\n");
      host.handler("deaf", deaf);
      host.handler("polite",
                   "trap 'echo asked >>asked; exit 3' TERM; echo $$ >pid.$SCHEDCTL_JOB_ID\n"
                   "while :; do sleep 0.01; done");
      host.handler("quick", "echo $$ >pid.$SCHEDCTL_JOB_ID; sleep 0.1");
      const auto stubborn = host.enqueue("deaf"), polite = host.enqueue("polite"),
                 quick = host.enqueue("quick");
      auto run = host.start_process();
      for (const auto job : {stubborn, polite, quick}) await_handler(host, job);
      host.enqueue_many("noop", 100);

      const auto asked = Clock::now();
      run.kill(signal);
      const auto end = run.wait();

      CHECK(end.exit_code == exit_code);
      CHECK((Clock::now() - asked) / 1ms < 300 + 300 + 1000);
      CHECK(host.status(quick) == "completed");
      CHECK(host.attempts(polite).starts_with("interrupted"));
      CHECK(host.read("asked") == "asked\n");
      CHECK(host.attempts(stubborn).starts_with("interrupted"));
      CHECK(host.count("job_queue where status = 'pending' and attempts - interruptions = 0") ==
            host.count("job_queue"));
      CHECK(host.count("job_executions where job_type = 'noop' and status <> 'completed'") == 0);
      CHECK(host.count("workers") == 0);
    }
  }

  TEST_CASE("a signal at any moment of a run's life leaves each job done or as it was") {
    Host host(
        "[process]\nshutdown_grace = \"0s\"\nshutdown_force = \"100ms\"\n"
        "[recovery]\nmax_interruptions = 1000\n");
    host.handler("brief", "sleep 0.02");
    int stopped = 0;
    for (int after = 0; after < 75; after += 3) {
      CAPTURE(after);
      host.enqueue("brief");
      host.enqueue("noop");
      auto run = host.start_process();
      wait_for_any({&run}, std::chrono::milliseconds(after));
      run.kill(SIGTERM);
      const auto end = run.wait(5s);

      CAPTURE(end.err);
      CHECK((end.exit_code == 0 || end.exit_code == 143 || end.signal == SIGTERM));
      CHECK(end.err == "");
      CHECK(host.count("job_queue where status <> 'pending'") == 0);
      CHECK(host.count("job_queue where attempts > interruptions") == 0);
      CHECK(host.count("workers") == 0);
      stopped += end.exit_code == 143;
    }
    CHECK(stopped > 0);
    host.tick();
    CHECK(host.count("job_executions where status = 'completed'") == 50);
    CHECK(host.count("job_executions where status not in ('completed', 'interrupted')") == 0);
  }
}
