// Commands that end oddly, do not end, or turn against what runs them.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int largest_peak_kib = 256 * 1024;
#else
constexpr int largest_peak_kib = 64 * 1024;
#endif

constexpr const char* once = "[retry]\nmax_retries = 0\n";

// "status|class|exit code|signal|attempts" of a job that was tried once.
std::string end_of(Host& host, job::JobId job) {
  return host.database.value(
      "select concat_ws('|', e.status, coalesce(e.error_class, ''), coalesce(e.exit_code::text, "
      "''), "
      "coalesce(e.signal::text, ''), j.status) from job_executions e join jobs j on j.id = "
      "e.job_queue_id where j.id = $1",
      {job});
}

job::JobId enqueue_number(Host& host, const std::string& type, int number) {
  return host.enqueue(type, fmt::format("{{\"n\":{}}}", number));
}

void add_numbered_handler(Host& host, const std::string& type, const std::string& script) {
  host.configure(fmt::format(
      "[handler.{}]\ntype = \"command\"\nargv = [\"sh\", \"-c\", '{}', \"sh\", \"{{payload.n}}\"]\n"
      "cwd = \".\"\n",
      type, script));
}

void add_program(Host& host, const std::string& type, const std::string& path) {
  host.configure(fmt::format("[handler.{}]\ntype = \"command\"\nargv = [\"{}\"]\n", type, path));
}

int peak_rss_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoi(line.substr(6));
  return -1;
}

// Runs, each at most this long, until nothing is due any more; their number.
int run_until_done(Host& host, std::chrono::milliseconds longest) {
  int runs = 0;
  for (; runs < 10 && host.count("job_queue where status in ('pending', 'running')") > 0; ++runs) {
    const auto end = host.start_process().wait(longest);
    CAPTURE(end.err);
    CHECK((end.exit_code == 0 || end.exit_code == 75));
  }
  CHECK(host.count("workers") == 0);
  return runs;
}

}  // namespace

TEST_SUITE("e2e::hostile_handlers [db]") {
  TEST_CASE("each exit code is recorded as it is") {
    Host host(once);
    add_numbered_handler(host, "code", "exit $1");

    std::vector<std::pair<int, job::JobId>> jobs;
    for (const int code : {0, 1, 2, 126, 127, 128, 255})
      jobs.emplace_back(code, enqueue_number(host, "code", code));
    CHECK(host.process().exit_code == 0);

    for (const auto& [code, job] : jobs)
      CHECK(end_of(host, job) ==
            (code == 0 ? "completed||0||completed" : fmt::format("failed|exit|{}||failed", code)));
  }

  TEST_CASE("each deadly signal is recorded as it is, and leaves no core behind") {
    Host host(once);
    add_numbered_handler(host, "signal", "ulimit -c unlimited 2>/dev/null; kill -$1 $$; sleep 60");

    std::vector<std::pair<int, job::JobId>> jobs;
    for (const int signal :
         {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,  SIGFPE,
          SIGKILL, SIGUSR1,   SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU,
          SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGSYS,  34,      64})
      jobs.emplace_back(signal, enqueue_number(host, "signal", signal));
    CHECK(host.process().exit_code == 0);

    for (const auto& [signal, job] : jobs)
      CHECK(end_of(host, job) == fmt::format("failed|signal||{}|failed", signal));
    for (const auto& entry : std::filesystem::directory_iterator(host.folder.path()))
      CHECK_FALSE(entry.path().filename().string().starts_with("core"));
  }

  TEST_CASE("what cannot be started is told apart from exit 127, and never tried again") {
    Host host;  // which would try three times more
    const auto dark = host.folder.write("dark", "#!/bin/sh\n"),
               lost = host.folder.write("lost", "#!/nowhere/sh\n"),
               plain = host.folder.write("plain", "exit 0\n");
    for (const auto& path : {lost, plain}) REQUIRE(chmod(path.c_str(), 0700) == 0);
    const std::vector<std::pair<std::string, std::string>> programs = {
        {"/nowhere/program", "no such program: /nowhere/program"},
        {"no-such-program", "no such program: no-such-program"},
        {dark, "cannot run " + dark},
        {lost, "the interpreter of " + lost + " is missing"},
        {plain, "not a program: " + plain},
        {"/tmp", "is a folder, not a program: /tmp"}};
    std::vector<job::JobId> jobs;
    for (const auto& [path, message] : programs) {
      const auto type = fmt::format("program{}", jobs.size());
      add_program(host, type, path);
      jobs.push_back(host.enqueue(type));
    }
    host.handler("missing", "exit 127");
    const auto missing = host.enqueue("missing");

    CHECK(host.process().exit_code == 0);

    for (std::size_t i = 0; i < jobs.size(); ++i) {
      CHECK(end_of(host, jobs[i]) == "failed|not_startable|||failed");
      const auto told =
          host.database.value("select error_message from jobs where id = $1", {jobs[i]});
      CHECK_MESSAGE(told.starts_with(programs[i].second), told);
    }
    CHECK(end_of(host, missing) == "failed|exit|127||pending");
  }

  TEST_CASE(
      "what cannot be started for the moment is tried again later, and keeps no other waiting") {
    Host host("[retry]\nbase_delay = \"1h\"\n");
    const auto program = host.folder.write("program", "#!/bin/sh\n");
    REQUIRE(chmod(program.c_str(), 0700) == 0);
    add_program(host, "written", program);
    host.configure("[handler.crowded]\ntype = \"command\"\nargv = [\"true\"]\nuser = \"nobody\"\n");
    host.handler("good", "exit 0");
    const bool root = geteuid() == 0;  // only root can run a command as somebody else
    ProcessOptions as_nobody;
    if (root) as_nobody.user = 65534;
    const auto one_is_too_many = test::start({"sleep", "60"}, as_nobody);
    const auto written = host.enqueue("written"), crowded = host.enqueue("crowded"),
               good = host.enqueue("good"), noop = host.enqueue("noop");

    const auto end = host.shell("exec 9>>\"$P\"; [ $UID != 0 ] || ulimit -u 0; exec \"$S\" process",
                                {"P=" + program});

    CAPTURE(end.err);
    CHECK(end.exit_code == 0);
    for (const auto job : {good, noop}) CHECK(host.status(job) == "completed");
    CHECK(end_of(host, written) == "failed|not_startable|||pending");
    CHECK(end_of(host, crowded) ==
          (root ? "failed|not_startable|||pending" : "failed|not_startable|||failed"));
    const auto told = [&](job::JobId job) {
      return host.database.value("select error_message from jobs where id = $1", {job});
    };
    CHECK(told(written) == "cannot run " + program + ": Text file busy");
    if (root) CHECK(told(crowded).ends_with("has too many processes"));
  }

  TEST_CASE("output without end is ended by the timeout, and costs little memory") {
    Host host(once);
    host.handler("lines", "exec yes", "timeout = \"1s\"");
    host.handler("bytes", "exec tr '\\0' x </dev/zero", "timeout = \"1s\"");
    host.handler("spy", "until [ -e go ]; do sleep 0.01; done");
    host.enqueue("spy");
    const auto lines = host.enqueue("lines"), bytes = host.enqueue("bytes");
    auto run = host.start_process();
    host.await("job_executions where status = 'timeout'", 2);
    const auto peak = peak_rss_kib(run.pid());
    host.folder.write("go", "");

    CHECK(run.wait().exit_code == 0);
    CHECK(peak > 0);
    CHECK(peak < largest_peak_kib);
    for (const auto job : {lines, bytes}) {
      CHECK(end_of(host, job) == "timeout|timeout||15|timeout");
      const auto logged = [&](const std::string& what) {
        return host.database.value("select " + what +
                                       " from job_logs where job_execution_id = (select id from "
                                       "job_executions where job_queue_id = $1)",
                                   {job});
      };
      CHECK(std::stoi(logged("sum(octet_length(message))")) <= 256 * 1024 + 100);
      CHECK(logged("count(*) filter (where stream = 'schedctl' and message ~ '^… [0-9]+ bytes of "
                   "[0-9]+ cut …$')") == "1");
    }
  }

  TEST_CASE("a handler that kills its whole group hurts only itself") {
    Host host(once);
    host.handler("group", "kill -KILL 0");
    host.handler("good", "exit 0");
    const auto group = host.enqueue("group");
    for (int i = 0; i < 5; ++i) host.enqueue("good");

    CHECK(host.process().exit_code == 0);

    CHECK(end_of(host, group) == "failed|signal||9|failed");
    CHECK(host.count("job_executions where status = 'completed'") == 5);
  }

  TEST_CASE("a handler that kills what watches over it fails, and is dead after its last attempt") {
    Host host(
        "[process]\nmax_concurrent_jobs = 2\n[retry]\nmax_retries = 2\nbase_delay = \"1ms\"\n");
    host.handler("killer", "kill -KILL $PPID; sleep 60");
    host.handler("good", "exit 0");
    const auto killer = host.enqueue("killer");
    for (int i = 0; i < 5; ++i) host.enqueue("good");

    CHECK(run_until_done(host, 20s) <= 3);

    CHECK(host.attempts(killer) == "failed/reaper_lost failed/reaper_lost failed/reaper_lost");
    CHECK(host.status(killer) == "failed");
    CHECK(host.count("job_executions where status = 'completed'") == 5);
  }

  TEST_CASE("a handler that stops what watches over it is ended by its timeout all the same") {
    Host host("[process]\nmax_concurrent_jobs = 2\n[retry]\nmax_retries = 0\n");
    host.handler("stopper", "echo $$ $PPID >pids; kill -STOP $PPID; sleep 60",
                 "timeout = \"500ms\"\nkill_grace = \"500ms\"");
    host.handler("good", "exit 0");
    const auto stopper = host.enqueue("stopper");
    for (int i = 0; i < 5; ++i) host.enqueue("good");

    const auto began = Clock::now();
    CHECK(run_until_done(host, 20s) == 1);

    CHECK((Clock::now() - began) / 1ms < 5'000);
    CHECK(end_of(host, stopper) == "timeout|timeout||15|timeout");
    CHECK(host.count("job_executions where status = 'completed'") == 5);
    std::istringstream pids(host.read("pids"));
    for (pid_t pid = 0; pids >> pid;) CHECK_FALSE(alive(pid));
  }

  TEST_CASE("a handler that stops what watches over it and ends is done, also without a timeout") {
    Host host("[process]\nmax_concurrent_jobs = 1\n");
    host.handler("stopper", "kill -STOP $PPID; exit 0");
    host.handler("good", "exit 0");
    const auto stopper = host.enqueue("stopper"), good = host.enqueue("good");

    CHECK(host.start_process().wait(20s).exit_code == 0);

    CHECK(end_of(host, stopper) == "completed||0||completed");
    CHECK(end_of(host, good) == "completed||0||completed");
  }

  TEST_CASE("a handler that traces what watches over it cannot keep it from its work") {
    Host host(once);
    host.handler("tracer",
                 "strace -f -o /dev/null -p $PPID 2>trace & i=0\n"
                 "until grep -q . trace || [ $i = 200 ]; do i=$((i+1)); sleep 0.01; done; exit 0");
    host.handler("good", "exit 0");
    const auto tracer = host.enqueue("tracer");
    for (int i = 0; i < 5; ++i) host.enqueue("good");

    const auto end = host.start_process().wait(20s);

    CHECK(end.exit_code == 0);
    CHECK(end_of(host, tracer) == "completed||0||completed");
    CHECK(host.count("job_executions where status = 'completed'") == 6);
    const auto trace = host.read("trace");
    if (geteuid() != 0)  // reapers are closed to those who are not root
      CHECK_MESSAGE(trace.find("attached") == std::string::npos, trace);
  }
}
