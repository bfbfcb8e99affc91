#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <filesystem>

#include "db/transaction.h"
#include "support/host.h"
#include "support/pooler.h"
#include "util/text.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// Its first attempt hangs in a tree of three, the next ends at once.
constexpr const char* witness =
    "[ \"$SCHEDCTL_ATTEMPT\" = 1 ] || exit 0\n"
    "setsid sh -c 'sleep 30 & echo $! >grandchild; wait' &\n"
    "until [ -s grandchild ]; do sleep 0.01; done\n"
    "echo $$ >child\n"
    "wait";

// Its first attempt hangs, the next ends at once.
constexpr const char* witness_of_many =
    "[ \"$SCHEDCTL_ATTEMPT\" = 1 ] || exit 0\n"
    "echo $$ >pid.$SCHEDCTL_JOB_ID\n"
    "exec sleep 30";

pid_t pid_in(const Host& host, const std::string& file) { return std::stoi(host.await_line(file)); }

void kill_dead(Process& process) {
  process.kill(SIGKILL);
  CHECK(process.wait().signal == SIGKILL);
}

void check_done_once(Host& host, int jobs) {
  CHECK(host.count("job_queue") == 0);
  CHECK(host.count("job_executions where status = 'completed'") == jobs);
  CHECK(host.count("(select distinct job_queue_id from job_executions "
                   "where status = 'completed') as done") == jobs);
  CHECK(host.count("job_executions where status not in ('completed', 'lost')") == 0);
  CHECK(host.count("workers") == 0);
}

}  // namespace

TEST_SUITE("e2e::crash [db]") {
  TEST_CASE("kill -9 of a run ends its handler's whole tree, and the next run does the job again") {
    Host host;
    host.handler("witness", witness);
    const auto job = host.enqueue("witness");
    auto first = host.start_process();
    const auto child = pid_in(host, "child"), grandchild = pid_in(host, "grandchild");
    CHECK(alive(grandchild));

    const auto killed = std::chrono::steady_clock::now();
    kill_dead(first);
    wait_until([&] { return !alive(child) && !alive(grandchild); }, "the tree to end", 5s);
    CHECK((std::chrono::steady_clock::now() - killed) / 1ms < 400);
    CHECK(host.status(job) == "running");

    const auto second = host.process();
    CHECK(second.exit_code == 0);
    CHECK(host.status(job) == "completed");
    CHECK(host.attempts(job) == "lost/worker_died completed");
    CHECK(host.database.value("select attempts from jobs where id = $1", {job}) == "2");
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("kill -9 of a run with ten handlers brings all ten jobs back") {
    Host host("[process]\nmax_concurrent_jobs = 10\n");
    host.handler("witness", witness_of_many);
    std::vector<job::JobId> jobs;
    for (int i = 0; i < 10; ++i) jobs.push_back(host.enqueue("witness"));
    auto first = host.start_process();
    std::vector<pid_t> handlers;
    for (const auto job : jobs) handlers.push_back(pid_in(host, fmt::format("pid.{}", job)));

    kill_dead(first);
    for (const auto pid : handlers) wait_until([&] { return !alive(pid); }, "a handler to end", 5s);
    CHECK(host.process().exit_code == 0);

    for (const auto job : jobs) CHECK(host.attempts(job) == "lost/worker_died completed");
    CHECK(host.count("job_queue") == 0);
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE(
      "kill -9 between claiming and completing 2,000 jobs loses none and completes none twice") {
    Host host;
    // Jobs of groups are claimed, and completed in a transaction of their own.
    host.database.query(
        "select enqueue('noop', group_key => i::text) from generate_series(1, 2000) i");
    {
      auto blocker = host.database.connect();
      db::Transaction held(blocker);
      held.exec_text("lock table job_executions in exclusive mode");
      auto first = host.start_process();
      host.await("job_queue where status = 'running'", 1);
      kill_dead(first);
      // Else its last statement would have its lock, and complete them.
      wait_until(
          [&] {
            return host.count(
                       "pg_locks where relation = 'job_executions'::regclass and not granted") == 0;
          },
          "the server to notice");
    }
    for (int runs = 0; runs < 10 && host.count("job_queue") > 0; ++runs)
      CHECK(host.process().exit_code == 0);

    check_done_once(host, 2000);
    CHECK(host.count("job_executions where status = 'lost'") >= 1);
  }

  TEST_CASE("kill -9 of a run that holds 2,000 jobs in its transaction leaves them as they were") {
    Host host;
    host.enqueue_many("noop", 2000);
    {
      auto blocker = host.database.connect();
      db::Transaction held(blocker);
      held.exec_text("lock table job_executions in exclusive mode");
      auto first = host.start_process();
      host.await("pg_locks where not granted and relation = 'job_executions'::regclass", 1);
      kill_dead(first);
      CHECK(host.count("job_queue where status = 'pending' and attempts = 0") == 2000);
    }
    CHECK(host.process().exit_code == 0);

    check_done_once(host, 2000);
    CHECK(host.count("job_executions") == 2000);
  }

  TEST_CASE("the file of a run that was killed before it was registered is cleared away") {
    Host host;
    host.tick();
    const auto installation =
        host.database.value("select value from settings where key = 'installation_id'");
    const auto left = host.folder.write(
        fmt::format("state/worker-{:016x}-4711-0123abcd.lock", fnv1a(installation)), "");

    host.tick();

    CHECK_FALSE(std::filesystem::exists(left));
  }

  TEST_CASE("two installations that share a folder leave each other the evidence of a death") {
    Host one, other;
    other.env.push_back("SCHEDCTL_STATE_DIR=" + (one.folder / "state"));
    one.handler("witness", witness_of_many);
    const auto job = one.enqueue("witness");
    auto run = one.start_process();
    const auto handler = pid_in(one, fmt::format("pid.{}", job));
    kill_dead(run);
    wait_until([&] { return !alive(handler); }, "the handler to end");

    other.enqueue("noop");
    other.tick();
    CHECK(one.process().exit_code == 0);

    CHECK(one.attempts(job) == "lost/worker_died completed");
    CHECK(one.count("job_executions where error_message like '%its process is gone'") == 1);
  }

  TEST_CASE("a frozen run whose session is cut loses its handler before another run has its job") {
    if (needs_session("it is cut")) return;
    Host host;
    host.handler("witness",
                 "[ \"$SCHEDCTL_ATTEMPT\" = 1 ] && { echo $$ >first; exec sleep 30; }\n"
                 "kill -0 \"$(cat first)\" && echo both >overlap\nexit 0");
    const auto job = host.enqueue("witness");
    auto frozen = host.start_process();
    const auto first = pid_in(host, "first");

    frozen.kill(SIGSTOP);
    host.database.query(
        "select pg_terminate_backend(pid) from pg_locks "
        "where locktype = 'advisory' and objsubid = 2 and objid = (select id from workers)");
    auto other = host.start(
        {"process"}, {"SCHEDCTL_HOST=host-b", "SCHEDCTL_STATE_DIR=" + (host.folder / "state-b")});
    CHECK(other.wait(10s).exit_code == 0);

    CHECK_FALSE(alive(first));
    CHECK(host.read("overlap") == "");
    CHECK(host.status(job) == "completed");
    frozen.kill(SIGCONT);
    frozen.wait(10s);
    CHECK(host.attempts(job) == "lost/worker_died completed");
  }

  TEST_CASE("a job that kills its worker each time is dead in the end, its neighbour is done") {
    Host host("[recovery]\nmax_interruptions = 2\n");
    // The parent of a handler is its run's reaper, whose parent is the run.
    host.handler("killer",
                 "read -r pid name state run rest </proc/$PPID/stat\nkill -9 \"$run\"\nsleep 30");
    host.handler("good", "exit 0");
    const auto killer = host.enqueue("killer"), good = host.enqueue("good");

    int killed = 0;
    for (int runs = 0; runs < 8 && host.status(killer) != "failed"; ++runs)
      killed += host.process().signal == SIGKILL;

    CHECK(killed == 3);
    CHECK(host.status(killer) == "failed");
    CHECK(host.attempts(killer) == "lost/worker_died lost/worker_died lost/worker_died");
    CHECK(host.process().exit_code == 0);
    CHECK(host.status(good) == "completed");
    CHECK(host.count("workers") == 0);
  }
}
