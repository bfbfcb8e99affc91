// Runs of one host that overlap because their jobs take longer than their window.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>

#include "support/host.h"
#include "util/descriptor.h"
#include "util/process_tree.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

// Tells when it runs, until there is a file "go.<its job>".
constexpr const char* long_job =
    "printf + >>steps; echo $$ >pid.$SCHEDCTL_JOB_ID\n"
    "until [ -e go.$SCHEDCTL_JOB_ID ]; do sleep 0.01; done\n"
    "printf -- - >>steps";
constexpr const char* short_job = "printf + >>steps; sleep 0.02; printf -- - >>steps";

void add_handlers(Host& host) {
  host.handler("long", long_job);
  host.handler("short", short_job);
}

bool lock_is_free(const Host& host) {
  for (const auto& entry : std::filesystem::directory_iterator(host.folder / "state")) {
    if (entry.path().extension() != ".lock" ||
        !entry.path().filename().string().starts_with("process-"))
      continue;
    const Descriptor lock(open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
    return lock && flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
  }
  return false;
}

void await_free_lock(const Host& host) {
  wait_until([&] { return lock_is_free(host); }, "the lock to be given back", 10s);
}

void let_go(const Host& host, job::JobId job) { host.folder.write(fmt::format("go.{}", job), ""); }

// How many ran at once at most.
int most_at_once(const Host& host) {
  int now = 0, most = 0;
  for (const char step : host.read("steps")) most = std::max(most, now += step == '+' ? 1 : -1);
  CHECK(now == 0);
  return most;
}

// A run of a short window, with a long job that outlasts it.
struct Outlasting {
  job::JobId job;
  Process run;

  explicit Outlasting(Host& host)
      : job(host.enqueue("long")), run(host.start_process({"--max-runtime", "100ms"})) {
    host.await_line(fmt::format("pid.{}", job));
    await_free_lock(host);
    CHECK(run.running());
  }
};

}  // namespace

TEST_SUITE("e2e::overlap [db]") {
  TEST_CASE(
      "when long jobs hold all places, the next run does what needs none, and waits its window") {
    Host host("[process]\nmax_concurrent_jobs = 2\n");
    add_handlers(host);
    Outlasting first(host), second(host);
    host.enqueue_many("noop", 50);
    host.enqueue_many("short", 3);

    const auto began = Clock::now();
    host.tick({"--max-runtime", "500ms"});

    CHECK((Clock::now() - began) / 1ms >= 500);
    CHECK((Clock::now() - began) / 1ms < 2000);
    CHECK(host.count("job_executions where job_type = 'noop' and status = 'completed'") == 50);
    CHECK(host.count("job_queue where job_type = 'short' and status = 'pending' "
                     "and attempts = 0") == 3);
    CHECK(lock_is_free(host));

    let_go(host, first.job);
    CHECK(first.run.wait().exit_code == 0);
    host.tick();
    CHECK(host.count("job_executions where job_type = 'short' and status = 'completed'") == 3);
    CHECK(second.run.running());
    let_go(host, second.job);
    CHECK(second.run.wait().exit_code == 0);
    CHECK(most_at_once(host) == 2);
  }

  TEST_CASE("a stopped run that keeps its host from working is told") {
    Host host;
    add_handlers(host);
    const auto job = host.enqueue("long");
    auto stopped = host.start_process();
    host.await_line(fmt::format("pid.{}", job));
    stopped.kill(SIGSTOP);
    wait_until([&] { return state_of(stopped.pid()) == 'T'; }, "the run to stop");

    const auto next = host.process();

    CHECK(next.exit_code == 0);
    CHECK(next.out == "");
    CHECK(std::count(next.err.begin(), next.err.end(), '\n') == 1);
    CHECK(next.err.find("is stopped") != std::string::npos);
    CHECK(next.err.find(fmt::format("pid {} since", stopped.pid())) != std::string::npos);
    stopped.kill(SIGCONT);
    wait_until([&] { return state_of(stopped.pid()) != 'T'; }, "the run to go on");
    host.tick();
    let_go(host, job);
    CHECK(stopped.wait().exit_code == 0);
    CHECK(host.attempts(job) == "completed");
  }

  TEST_CASE("a run takes a place over the moment that an earlier run's job ends") {
    Host host("[process]\nmax_concurrent_jobs = 1\n");
    add_handlers(host);
    Outlasting first(host);
    const auto waiting = host.enqueue("short");
    auto next = host.start_process();
    wait_until([&] { return host.count("workers") == 2; }, "the next run");

    let_go(host, first.job);
    wait_until([&] { return host.status(waiting) == "completed"; }, "the job that waits", 2s);

    CHECK(first.run.wait().exit_code == 0);
    CHECK(next.wait().exit_code == 0);
    CHECK(most_at_once(host) == 1);
  }

  TEST_CASE("any number of overlapping runs share the places, and a killed one frees its own") {
    Host host("[process]\nmax_concurrent_jobs = 3\n");
    add_handlers(host);
    std::deque<Outlasting> runs;
    for (int i = 0; i < 3; ++i) runs.emplace_back(host);
    host.enqueue_many("short", 6);
    for (int i = 0; i < 2; ++i) host.tick({"--max-runtime", "200ms"});
    CHECK(host.count("job_queue where job_type = 'short' and attempts = 0") == 6);
    CHECK(host.count("workers") == 3);

    const auto pid = std::stoi(host.await_line(fmt::format("pid.{}", runs[1].job)));
    runs[1].run.kill(SIGKILL);
    runs[1].run.wait();
    wait_until([&] { return !alive(pid); }, "its handler to end");
    host.folder.write("steps", host.read("steps") + "-");
    let_go(host, runs[1].job);
    CHECK(host.process().exit_code == 0);

    CHECK(host.count("job_executions where job_type = 'short' and status = 'completed'") == 6);
    CHECK(host.attempts(runs[1].job) == "lost/worker_died completed");
    for (auto& each : runs) let_go(host, each.job);
    CHECK(runs[0].run.wait().exit_code == 0);
    CHECK(runs[2].run.wait().exit_code == 0);
    CHECK(host.count("job_queue") == 0);
    CHECK(host.count("workers") == 0);
    CHECK(most_at_once(host) == 3);
  }
}
