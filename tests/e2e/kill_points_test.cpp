// SIGKILL at each system call of a run between the enqueueing of a job and the record of its end.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/host.h"
#include "support/pooler.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// What another process or thread can tell from what was before, or waits for. Between two of these
// it does not matter where a run is killed.
const std::set<std::string> telling_calls = {"connect", "flock", "futex",  "memfd_create",
                                             "pipe2",   "poll",  "sendto", "sendmsg",
                                             "unlink",  "write"};

// Who does not hear of jobs looks for them often.
const std::string settings = std::string("[recovery]\nmax_interruptions = 1000\n") +
                             (pooled() ? "[process]\npoll_interval = \"100ms\"\n" : "");

// Its lock is the kernel's, so it tells whether an earlier attempt still lives.
constexpr const char* witness =
    "exec 9>>live; flock -n 9 || echo $SCHEDCTL_JOB_ID >>overlaps\n"
    "echo $SCHEDCTL_ATTEMPT $SCHEDCTL_IDEMPOTENCY_KEY >>begun.$SCHEDCTL_JOB_ID\n"
    "echo $SCHEDCTL_ATTEMPT $SCHEDCTL_IDEMPOTENCY_KEY >>ended.$SCHEDCTL_JOB_ID";

bool attached(const Process& tracer) { return tracer.err().find("attached") != std::string::npos; }

// Some systems let a process trace its own children only, some have no strace.
bool may_trace() {
  const auto traced = test::start({"sleep", "60"});
  auto tracer = test::start({"strace", "-o", "/dev/null", "-p", fmt::format("{}", traced.pid())});
  wait_until([&] { return attached(tracer) || !tracer.running(); }, "strace");
  if (!attached(tracer)) MESSAGE("skipped: " << tracer.err());
  return attached(tracer);
}

// The thread of a run that is called so.
std::string thread_of(const Process& run, const std::string& name) {
  std::string found;
  const auto look = [&] {
    const auto tasks = fmt::format("/proc/{}/task", run.pid());
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      std::string called;
      std::getline(std::ifstream(task.path() / "comm"), called);
      if (called == name) found = task.path().filename();
    }
    return !found.empty();
  };
  wait_until(look, "the thread " + name);
  return found;
}

// What became of the attempts at one job, one of which was perhaps killed.
struct Round {
  std::string attempts;
  std::set<std::string> begun;  // the attempts whose handler began
  std::set<std::string> ended;
  std::size_t keys = 0;  // different idempotency keys
};

// Of lines of two words, the different first or second ones.
std::set<std::string> words(const std::string& text, bool second) {
  std::set<std::string> found;
  std::istringstream all(text);
  for (std::string one, other; all >> one >> other;) found.insert(second ? other : one);
  return found;
}

// A run that waits for jobs, one of whose threads is traced.
struct Traced {
  Process run;
  Process tracer;

  Traced(Host& host, const std::string& thread, const std::vector<std::string>& how)
      : run(start_waiting(host)), tracer(trace(run, thread, how)) {}

 private:
  static Process start_waiting(Host& host) {
    auto process = host.start_process({"--linger", "55s", "--concurrency", "1"});
    host.await_lingering();
    return process;
  }
  static Process trace(const Process& run, const std::string& thread,
                       const std::vector<std::string>& how) {
    std::vector<std::string> argv{"strace", "-p", thread_of(run, thread)};
    argv.insert(argv.end(), how.begin(), how.end());
    auto process = test::start(argv);
    wait_until([&] { return attached(process); }, "strace");
    return process;
  }
};

// One call of a thread: the so-and-so-many-th of its name.
struct Call {
  std::string name;
  int number;
};

// What a thread calls for one job.
std::vector<Call> record_calls(Host& host, const std::string& type, const std::string& thread) {
  const auto file = host.folder / "trace";
  {
    Traced traced(host, thread, {"-o", file});
    const auto job = host.enqueue(type);
    wait_until([&] { return host.status(job) == "completed"; }, "the job");
    traced.run.kill(SIGKILL);
    traced.run.wait();
    traced.tracer.wait();
  }
  CHECK(host.process().exit_code == 0);
  std::vector<Call> calls;
  std::map<std::string, int> numbers;
  std::ifstream trace(file);
  for (std::string line; std::getline(trace, line);) {
    const auto name = line.substr(0, line.find('('));
    if (line.find('(') == std::string::npos || name.find(' ') != std::string::npos) continue;
    const int number = ++numbers[name];
    if (telling_calls.contains(name)) calls.push_back({name, number});
  }
  return calls;
}

// Enqueues a job for a run that is killed at this call; then the next run does what is left.
Round kill_at(Host& host, const std::string& type, const std::string& thread, const Call& call) {
  Round round;
  job::JobId job = 0;
  {
    Traced traced(host, thread,
                  {"-o", "/dev/null", "-e",
                   fmt::format("inject={}:signal=KILL:when={}", call.name, call.number)});
    job = host.enqueue(type);
    wait_until([&] { return !traced.run.running() || host.status(job) == "completed"; },
               "the kill");
    traced.run.kill(SIGKILL);
    CHECK(traced.run.wait().signal == SIGKILL);
    traced.tracer.wait();
  }
  CHECK(host.process().exit_code == 0);

  CHECK(host.status(job) == "completed");
  CHECK(host.count("workers") == 0);
  round.attempts = host.attempts(job);
  const auto begun = host.read(fmt::format("begun.{}", job));
  round.begun = words(begun, false);
  round.ended = words(host.read(fmt::format("ended.{}", job)), false);
  round.keys = words(begun, true).size();
  return round;
}

// Each call in turn.
std::vector<Round> sweep(Host& host, const std::string& type, const std::string& thread) {
  std::vector<Round> rounds;
  const auto calls = record_calls(host, type, thread);
  for (const auto& call : calls) {
    CAPTURE(thread);
    CAPTURE(call.name);
    CAPTURE(call.number);
    rounds.push_back(kill_at(host, type, thread, call));
  }
  MESSAGE(rounds.size() << " calls of the thread " << thread);
  CHECK(rounds.size() >= 2);
  return rounds;
}

}  // namespace

TEST_SUITE("e2e::kill_points [db]") {
  TEST_CASE("kill -9 at any call that a run makes for a command loses nothing and counts once") {
    if (!may_trace()) return;
    Host host(settings);
    host.handler("witness", witness);
    int lost_before_start = 0, lost_after_end = 0;

    for (const std::string thread : {"schedctl", "place", "recorder"}) {
      const auto rounds = sweep(host, "witness", thread);
      for (const auto& round : rounds) {
        const bool lost = round.attempts == "lost/worker_died completed";
        CHECK((lost || round.attempts == "completed"));
        CHECK(round.ended.size() >= 1);
        CHECK(round.begun.size() <= (lost ? 2 : 1));
        CHECK(round.keys == 1);
        lost_before_start += lost && !round.begun.contains("1");
        lost_after_end += lost && round.ended.contains("1");
      }
    }

    CHECK(lost_before_start > 0);
    CHECK(lost_after_end > 0);
    CHECK(host.read("overlaps") == "");
  }

  TEST_CASE("kill -9 at any call that a run makes for a statement has its effect exactly once") {
    if (!may_trace()) return;
    Host host(settings);
    host.database.query("create table effects (job bigint)");
    host.configure(
        fmt::format("[handler.effect]\ntype = \"sql\"\nstatement = \"insert into "
                    "{}.effects values (current_setting('schedctl.job_id')::bigint)\"\n",
                    host.database.schema()));

    const auto jobs = static_cast<int>(sweep(host, "effect", "place").size()) + 1;

    CHECK(host.count("effects") == jobs);
    CHECK(host.count("(select distinct job from effects) as jobs") == jobs);
    CHECK(host.count("job_executions where status = 'lost'") > 0);
  }
}
