// The server crashes, or the whole host does, and comes back.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <sstream>

#include "support/island.h"
#include "util/process_tree.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* witness =
    "echo $$ >>pid.$SCHEDCTL_JOB_ID\n"
    "[ \"$SCHEDCTL_ATTEMPT\" = 1 ] || exit 0\n"
    "exec sleep 60";

// Everything at once, as when the power fails.
void kill_tree(Process& run) {
  const auto children = children_of(run.pid());
  run.kill(SIGSTOP);
  std::vector<pid_t> tree = children;
  for (const auto child : children)
    for (const auto grandchild : children_of(child)) tree.push_back(grandchild);
  for (const auto pid : tree) ::kill(pid, SIGKILL);
  run.kill(SIGKILL);
  run.wait();
  for (const auto pid : tree) wait_until([&] { return !alive(pid); }, "a process to end");
}

// Power fails while three jobs run; the run folder does not survive that.
std::vector<job::JobId> lose_power(Island& island) {
  island.host.handler("witness", witness);
  std::vector<job::JobId> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(island.enqueue("witness"));
  auto run = island.host.start_process();
  for (const auto job : jobs) island.host.await_line(fmt::format("pid.{}", job));
  kill_tree(run);
  island.server.crash();
  std::filesystem::remove_all(island.host.folder / "state");
  island.server.start_again();
  return jobs;
}

constexpr const char* other_boot =
    "echo 01234567-89ab-cdef-0123-456789abcdef >\"$BOOT\"; exec unshare -m sh -c "
    "'mount --bind \"$BOOT\" /proc/sys/kernel/random/boot_id && exec \"$S\" process'";

// Stores numbered jobs one after the other and writes down what it is told, until there is a file
// "stop".
constexpr const char* producer =
    "i=0\n"
    "while [ ! -e \"$D/stop\" ]; do\n"
    "  i=$((i + 1))\n"
    "  id=$(\"$S\" enqueue noop --payload \"{\\\"n\\\":\\\"$N-$i\\\"}\" 2>\"$D/err.$N\")\n"
    "  code=$?\n"
    "  if [ $code = 0 ]; then echo \"$id $N-$i\" >>\"$D/told\"\n"
    "  else echo \"$code [$id] $(wc -l <\"$D/err.$N\")\" >>\"$D/refused\"; "
    "cat \"$D/err.$N\" >>\"$D/errors\"; fi\n"
    "done";

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);) lines.insert(line);
  return lines;
}

}  // namespace

TEST_SUITE("e2e::restart [db]") {
  TEST_CASE("after a crash of the whole host its first run takes all jobs back at once") {
    if (geteuid() != 0) return;  // only root can forge the kernel's boot id
    Island island;
    lose_power(island);

    const auto began = Clock::now();
    const auto next = island.host.shell(other_boot, {"BOOT=" + (island.host.folder / "boot")});

    CAPTURE(next.err);
    CHECK(next.exit_code == 0);
    CHECK((Clock::now() - began) / 1ms < 5000);
    CHECK(island.statuses() == "completed completed completed");
    CHECK(island.value("select count(*) from job_executions where status = 'lost' and "
                       "error_message like '%its host has been restarted'") == "3");
    CHECK(island.value("select count(*) from workers") == "0");
  }

  TEST_CASE(
      "after a crash of runs and server alone, the jobs come back with the end of the lease") {
    Island island;
    lose_power(island);

    CHECK(island.host.process().exit_code == 0);
    CHECK(island.statuses() == "running running running");
    island.server.query("update schedctl.workers set lease_until = now()");
    CHECK(island.host.process().exit_code == 0);

    CHECK(island.statuses() == "completed completed completed");
    CHECK(island.value("select count(*) from job_executions where status = 'lost' and "
                       "error_message like '%its lease is over'") == "3");
  }

  TEST_CASE("every id that enqueue prints while the server crashes is there, exactly once") {
    const Island island;
    const auto& host = island.host;
    std::vector<Process> producers;
    for (int i = 0; i < 3; ++i)
      producers.push_back(
          host.start_shell(producer, {"D=" + host.folder.path(), fmt::format("N={}", i)}));

    for (int crashes = 0; crashes < 3; ++crashes) {
      const int before = host.lines("told");
      wait_until([&] { return host.lines("told") >= before + 20; }, "the producers");
      island.server.crash();
      island.server.start_again();
    }
    host.folder.write("stop", "");
    for (auto& process : producers) CHECK(process.wait().exit_code == 0);

    const auto told = lines_of(host.read("told"));
    const auto stored = lines_of(island.value(
        "select id || ' ' || (payload ->> 'n') from job_queue where job_type = 'noop'"));
    CHECK(static_cast<int>(told.size()) == host.lines("told"));
    for (const auto& line : told) CHECK_MESSAGE(stored.contains(line), line);
    CHECK(island.value("select count(*) = count(distinct payload ->> 'n') from job_queue") == "t");
    for (const auto& line : lines_of(host.read("refused")))
      CHECK_MESSAGE(line == "75 [] 1", host.read("errors"));
    MESSAGE(told.size() << " ids printed, " << host.lines("refused") << " refused, "
                        << stored.size() << " jobs stored");
  }
}
