#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <random>

#include "support/host.h"
#include "support/setting.h"

using namespace schedctl;
using namespace schedctl::test;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> second_host = {"SCHEDCTL_HOST=host-b",
                                              "SCHEDULER_MAX_CONCURRENT_JOBS=4"};

// Another machine on the same database: its own name, lock and places.
Process start_second(Host& host) {
  return host.start({"process", "--lock-file", host.folder / "second.lock"}, second_host);
}

void enqueue_grouped(Host& host, const std::string& type, int jobs, int groups) {
  host.database.query(
      "select enqueue($1, json_build_object('group', i % $2::int), group_key => 'g' || i % "
      "$2::int) "
      "from generate_series(1, $3::int) i",
      {type, groups, jobs});
}

// Writes a line when another job with the same payload runs. The times in the history cannot tell:
// each run has its own reading of the server's clock.
constexpr const char* witness =
    "busy=\"busy $(cat)\"; mkdir \"$busy\" || echo another runs >>overlaps; sleep 0.02; rmdir "
    "\"$busy\"";

// The lock is the kernel's: held as long as anything of an earlier job of the type lives.
constexpr const char* step_alone =
    "exec 9>>\"alive.${0##*/}\"; flock -n 9 || echo $SCHEDCTL_JOB_ID >>overlaps\n"
    "echo $SCHEDCTL_JOB_ID >>begun; sleep 0.02";

// Pairs of attempts that ran at the same time and share `what`.
int overlaps(Host& host, const std::string& what) {
  return host.count(
      fmt::format("job_executions a join job_executions b on a.id < b.id and a.{0} = b.{0} "
                  "and a.started_at < b.finished_at and b.started_at < a.finished_at",
                  what));
}

}  // namespace

TEST_SUITE("e2e::limits [db]") {
  TEST_CASE("jobs of a group run one at a time on two hosts, the groups beside each other") {
    Host host;
    host.handler("step", witness);
    enqueue_grouped(host, "step", 24, 4);

    auto first = host.start_process(), second = start_second(host);
    REQUIRE(first.wait().exit_code == 0);
    REQUIRE(second.wait().exit_code == 0);

    CHECK(host.count("job_executions where status = 'completed'") == 24);
    CHECK(host.read("overlaps") == "");
    CHECK(overlaps(host, "status") > 0);
  }

  TEST_CASE("a handler's concurrency_limit holds over two hosts") {
    Host host;
    host.handler("step", witness, "concurrency_limit = 1");
    for (int i = 0; i < 12; ++i) host.enqueue("step");

    auto first = host.start_process(), second = start_second(host);
    REQUIRE(first.wait().exit_code == 0);
    REQUIRE(second.wait().exit_code == 0);

    CHECK(host.count("job_executions where status = 'completed'") == 12);
    CHECK(host.read("overlaps") == "");
  }

  TEST_CASE("in-process jobs of groups are all done by two hosts, each once") {
    Host host;
    enqueue_grouped(host, "noop", 2000, 50);

    auto first = host.start_process(), second = start_second(host);
    REQUIRE(first.wait().exit_code == 0);
    REQUIRE(second.wait().exit_code == 0);

    CHECK(host.count("job_executions where status = 'completed'") == 2000);
    CHECK(host.count("job_queue") == 0);
  }

  TEST_CASE("a job whose group is busy on another host starts when that is over") {
    Host host;
    host.handler("wait",
                 "mkdir busy || echo another runs >>overlaps; echo $$ >>started; "
                 "while [ ! -e go ]; do sleep 0.01; done; rmdir busy");
    enqueue_grouped(host, "wait", 1, 1);
    auto first = host.start_process();
    host.await_line("started");
    enqueue_grouped(host, "wait", 1, 1);
    auto second = start_second(host);
    host.await("hosts where host = 'host-b'", 1);

    CHECK(host.lines("started") == 1);
    host.folder.write("go", "");

    CHECK(first.wait().exit_code == 0);
    CHECK(second.wait().exit_code == 0);
    CHECK(host.count("job_executions where status = 'completed'") == 2);
    CHECK(host.read("overlaps") == "");
  }

  TEST_CASE("a failed job does not block its group") {
    Host host("[retry]\nmax_retries = 1\nbase_delay = \"1h\"\n");
    host.handler("fail", "exit 1");
    host.handler("work", "true");
    const auto failing =
        host.database.query("select enqueue('fail', group_key => 'g')")[0][0].as<job::JobId>();
    const auto next =
        host.database.query("select enqueue('work', group_key => 'g')")[0][0].as<job::JobId>();

    host.tick();

    CHECK(host.attempts(failing) == "failed/exit");
    CHECK(host.status(next) == "completed");
  }

  TEST_CASE("a group whose worker was killed goes on") {
    Host host;
    host.handler("wait", "echo $$ >>started; while [ ! -e go ]; do sleep 0.01; done");
    enqueue_grouped(host, "wait", 3, 1);
    auto killed = host.start_process();
    host.await_line("started");
    killed.kill(SIGKILL);
    killed.wait();
    host.folder.write("go", "");

    REQUIRE(host.process().exit_code == 0);

    CHECK(host.count("job_executions where status = 'completed'") == 3);
    CHECK(host.count("job_executions where status = 'lost'") == 1);
  }

  // `scripts/chaos --groups 200` does it for 200 rounds.
  TEST_CASE("a group and a limit of one hold through any number of kills, and never get stuck") {
    const int rounds = static_cast<int>(setting("SCHEDCTL_GROUP_ROUNDS", 40));
    const auto seed = setting("SCHEDCTL_CHAOS_SEED", 4711);
    CAPTURE(seed);
    std::minstd_rand dice(static_cast<unsigned>(seed));
    Host host("[recovery]\nmax_interruptions = 1000\n[process]\nmax_concurrent_jobs = 3\n");
    host.handler("step", step_alone);
    host.handler("single", step_alone, "concurrency_limit = 1");
    const auto enqueue = [&](int jobs) {
      enqueue_grouped(host, "step", jobs, 1);
      host.enqueue_many("single", jobs);
      return 2 * jobs;
    };

    int killed = 0, jobs = enqueue(20);
    for (int round = 0; round < rounds; ++round) {
      if (host.count("job_queue") < 20) jobs += enqueue(20);
      auto run = round % 2 == 0 ? host.start_process() : start_second(host);
      wait_for_any({&run}, std::chrono::milliseconds(20 + dice() % 100));
      run.kill(SIGKILL);
      killed += run.wait().signal == SIGKILL;
    }
    jobs += enqueue(50);
    CHECK(host.process({"--max-runtime", "1h"}).exit_code == 0);

    CHECK(killed >= rounds / 2);
    CHECK(host.read("overlaps") == "");
    CHECK(host.count("job_queue") == 0);
    CHECK(host.count("job_executions where status = 'completed'") == jobs);
    CHECK(host.count("(select distinct job_queue_id from job_executions) as jobs") == jobs);
    CHECK(host.count("workers") == 0);
    MESSAGE(rounds << " rounds, " << killed << " runs killed, " << jobs << " jobs, "
                   << host.count("job_executions where status = 'lost'") << " attempts lost");
  }
}
