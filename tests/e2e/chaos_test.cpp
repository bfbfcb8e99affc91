// SIGKILL at random moments, again and again. `scripts/chaos` does it for longer.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>

#include "support/host.h"
#include "support/setting.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;
using Dice = std::mt19937_64;

constexpr int hosts = 4;
constexpr int least_jobs_per_second = 200;

// Most kills fall into the start and the first claims of a run, some into the midst of its work.
// Longer the more runs were killed: on a busy machine, or under a sanitizer, a short life ends
// before anything is done.
std::chrono::milliseconds draw_lifetime(Dice& dice, int killed) {
  constexpr double shortest = 5;
  const double usual = 100 * (1 + killed / 100.0), longest = 4 * usual;
  const double drawn = std::exponential_distribution<>(1 / usual)(dice);
  return std::chrono::milliseconds(std::lround(std::min(shortest + drawn, longest)));
}

struct Toll {
  int killed = 0;
  int ended = 0;  // by themselves, as nothing was due
};

// One of the hosts: a run that is killed when its time has come, and started again whatever ended
// it.
class Station {
 public:
  Station(const Host& host, int number, Dice& dice)
      : host_(host),
        dice_(dice),
        state_(host.folder / fmt::format("state-{}", number)),
        env_{fmt::format("SCHEDCTL_HOST=host-{}", number), "SCHEDCTL_STATE_DIR=" + state_} {
    start(0);
  }

  const Process& run() const { return *run_; }
  Clock::time_point kill_at() const { return kill_at_; }
  const std::string& state() const { return state_; }

  void kill_or_restart(Toll& toll) {
    if (run_->running() && Clock::now() < kill_at_) return;
    run_->kill(SIGKILL);
    const auto end = run_->wait();
    if (end.signal == SIGKILL)
      ++toll.killed;
    else
      check_done(end), ++toll.ended;
    start(toll.killed);
  }

  // What runs may end in peace, and one more run finds nothing left to do.
  void finish() {
    check_done(run_->wait());
    check_done(host_.start({"process"}, env_).wait());
  }

 private:
  void start(int killed) {
    run_.emplace(host_.start({"process"}, env_));
    kill_at_ = Clock::now() + draw_lifetime(dice_, killed);
  }
  static void check_done(const ProcessResult& end) {
    INFO(end.err);
    REQUIRE(end.exit_code == 0);
  }

  const Host& host_;
  Dice& dice_;
  std::string state_;
  std::vector<std::string> env_;
  std::optional<Process> run_;
  Clock::time_point kill_at_;
};

Toll kill_until_drained(Host& host, std::deque<Station>& stations, int jobs) {
  const auto deadline = Clock::now() + 60s + std::chrono::seconds(jobs / least_jobs_per_second);
  Toll toll;
  while (host.count("job_queue") > 0) {
    REQUIRE_MESSAGE(Clock::now() < deadline, "jobs are left: " << host.count("job_queue"));
    std::vector<const Process*> runs;
    auto next = Clock::time_point::max();
    for (const auto& station : stations) {
      runs.push_back(&station.run());
      next = std::min(next, station.kill_at());
    }
    wait_for_any(runs, std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()));
    for (auto& station : stations) station.kill_or_restart(toll);
  }
  return toll;
}

// Processes that were started with this configuration, whatever they are called.
int processes_of(const Host& host) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string environment(std::istreambuf_iterator<char>(file), {});
    count += environment.find("SCHEDCTL_CONFIG=" + host.folder.path() + "/") != std::string::npos;
  }
  return count;
}

int held_locks(const std::string& folder) {
  int held = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const int fd = open(entry.path().c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0);
    held += flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
  }
  return held;
}

void check_each_done_once(Host& host, int jobs) {
  CHECK(host.count("job_queue") == 0);
  CHECK(host.count("job_executions where status = 'completed'") == jobs);
  CHECK(host.count("(select distinct job_queue_id from job_executions "
                   "where status = 'completed') as done") == jobs);
  CHECK(host.count("job_executions where status not in ('completed', 'lost')") == 0);
}

void check_nothing_is_left(Host& host, const std::deque<Station>& stations) {
  CHECK(host.count("workers") == 0);
  CHECK(processes_of(host) == 0);
  for (const auto& station : stations) CHECK(held_locks(station.state()) == 0);
  // A server's process ends a moment after its client.
  wait_until(
      [&] {
        return host.count(
                   "pg_locks where locktype = 'advisory' and classid = "
                   "hashtext('schedctl.worker.' || current_schema())::oid") == 0;
      },
      "the session locks of the workers to be free");
}

void round_of_kills(int jobs, Dice& dice) {
  // A job of a killed batch is not to blame, however often that happens to it.
  Host host("[recovery]\nmax_interruptions = 1000\n");
  host.handler("idle", "exit 0");  // so that each run has reapers, which must not outlive it
  host.enqueue_many("noop", jobs);
  const auto began = Clock::now();
  std::deque<Station> stations;
  for (int i = 0; i < hosts; ++i) stations.emplace_back(host, i, dice);

  const auto toll = kill_until_drained(host, stations, jobs);
  for (auto& station : stations) station.finish();

  MESSAGE(jobs << " jobs in " << (Clock::now() - began) / 1ms << " ms; " << toll.killed
               << " runs killed, " << toll.ended << " ended by themselves; attempts lost: "
               << host.count("job_executions where status = 'lost'"));
  CHECK(toll.killed > 0);
  check_each_done_once(host, jobs);
  check_nothing_is_left(host, stations);
}

}  // namespace

TEST_SUITE("e2e::chaos [db]") {
  TEST_CASE("runs on four hosts, killed at random moments, complete each job exactly once") {
    const auto seed = setting("SCHEDCTL_CHAOS_SEED", std::random_device{}());
    const auto jobs = static_cast<int>(setting("SCHEDCTL_CHAOS_JOBS", 5000));
    const auto rounds = static_cast<int>(setting("SCHEDCTL_CHAOS_ROUNDS", 2));
    MESSAGE("SCHEDCTL_CHAOS_SEED=" << seed << " SCHEDCTL_CHAOS_JOBS=" << jobs
                                   << " SCHEDCTL_CHAOS_ROUNDS=" << rounds);
    Dice dice(seed);

    for (int round = 1; round <= rounds; ++round) {
      CAPTURE(round);
      round_of_kills(jobs, dice);
    }
  }
}
