// Runs that the system denies what they need: memory, processes, descriptors, room on a disk.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>

#include "support/host.h"
#include "util/process_tree.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // needs terabytes of addresses
#else
constexpr bool sanitized = false;
#endif

constexpr uid_t somebody = 54321;  // has no processes, and no entry in the password database

// A run that could not do its work: it says so in plain words and lets the next one do it.
void check_put_off(Host& host, const ProcessResult& end, job::JobId job) {
  CHECK(end.exit_code == 75);
  CHECK(end.out == "");
  CHECK(end.err.find("schedctl: ") != std::string::npos);
  CHECK(end.err.ends_with("\n"));
  CHECK(std::count(end.err.begin(), end.err.end(), '\n') <= 4);
  CHECK(host.status(job) == "pending");
  CHECK(host.attempts(job) == "");
  CHECK(host.database.value("select attempts + interruptions from job_queue where id = $1",
                            {job}) == "0");
}

void check_nothing_held(Host& host) {
  CHECK(host.count("job_queue where status = 'running'") == 0);
  CHECK(host.count("workers") == 0);
}

// Raises a limit step by step until three runs in a row do the job that waits; each run before
// that must put it off. Returns how many did.
int raise_limit(Host& host, int from, const std::function<ProcessResult(int limit)>& run_with) {
  int put_off = 0, done = 0;
  for (int limit = from; done < 3; ++limit) {
    REQUIRE(limit < from + 100);
    const auto job = host.enqueue("idle");
    const auto end = run_with(limit);
    CAPTURE(limit);
    CAPTURE(end.err);
    if (end.exit_code == 0) {
      CHECK(end.err == "");
      CHECK(host.attempts(job) == "completed");
      ++done;
    } else {
      check_put_off(host, end, job);
      host.database.query("delete from job_queue");
      ++put_off;
      done = 0;
    }
    check_nothing_held(host);
  }
  return put_off;
}

// A run and its reapers.
std::vector<pid_t> processes_of(const Process& run) {
  auto all = children_of(run.pid());
  all.push_back(run.pid());
  return all;
}

std::map<pid_t, std::size_t> descriptors_of(const Process& run) {
  std::map<pid_t, std::size_t> counts;
  for (const auto pid : processes_of(run)) {
    counts[pid] = 0;
    std::error_code closed;  // reapers are, to those who are not root
    for (const auto& one :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), closed))
      counts[pid] += !one.path().empty();
  }
  return counts;
}

bool is_zombie(pid_t pid) { return kill(pid, 0) == 0 && !alive(pid); }

// Looks at the children of a run and of its reapers again and again; the longest time that a dead
// one was seen.
class ZombieWatch {
 public:
  void look(const Process& run) {
    std::map<pid_t, std::chrono::steady_clock::time_point> seen;
    for (const auto parent : processes_of(run))
      for (const auto child : children_of(parent))
        if (is_zombie(child)) seen.emplace(child, std::chrono::steady_clock::now());
    for (auto& [pid, since] : seen)
      if (const auto before = since_.find(pid); before != since_.end()) {
        longest_ = std::max(longest_, since - before->second);
        since = before->second;
      }
    since_ = std::move(seen);
  }
  std::chrono::milliseconds longest() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(longest_);
  }

 private:
  std::map<pid_t, std::chrono::steady_clock::time_point> since_;
  std::chrono::steady_clock::duration longest_{};
};

// Runs schedctl where $D is a file system of its own with these options.
ProcessResult on_small_disk(const Host& host, const std::string& options,
                            const std::string& script) {
  return host.shell(fmt::format("mkdir -p \"$D\"; exec unshare -m bash -c 'mount -t tmpfs -o {} "
                                "none \"$D\" && {}'",
                                options, script),
                    {"D=" + (host.folder / "disk")});
}

}  // namespace

TEST_SUITE("e2e::limits_of_the_system [db]") {
  TEST_CASE(
      "with too few descriptors a run puts its jobs off, whichever one is the first missing") {
    Host host;
    host.replace_config(host.database.toml() + "connect_timeout = \"100ms\"\n");
    host.handler("idle", "exit 0");

    const int put_off = raise_limit(host, 5, [&](int limit) {
      return host.shell(fmt::format("ulimit -n {}; exec \"$S\" process", limit));
    });

    CHECK(put_off >= 10);
  }

  TEST_CASE("with too few processes a run puts its jobs off, whichever one is the first missing") {
    if (geteuid() != 0) return;  // only root can become a user without processes
    Host host("[process]\nmax_concurrent_jobs = 2\n");
    host.configure("[handler.idle]\ntype = \"command\"\nargv = [\"true\"]\n");
    const auto state = host.folder / "state";
    std::filesystem::create_directory(state);
    REQUIRE(chown(state.c_str(), somebody, somebody) == 0);

    // The server's socket and the configuration are root's: the user may reach all files.
    const int put_off = raise_limit(host, 1, [&](int limit) {
      return host.shell(
          fmt::format("exec setpriv --reuid {0} --regid {0} --clear-groups --inh-caps "
                      "+dac_override --ambient-caps +dac_override bash -c 'ulimit -u {1}; exec "
                      "\"$S\" process'",
                      somebody, limit));
    });

    CHECK(put_off >= 4);
  }

  TEST_CASE("a thousand short jobs leave neither a descriptor nor a zombie behind") {
    Host host("[retry]\nmax_retries = 0\n");
    host.handler("short", "exit 0");
    host.handler("fails", "exit 1");
    host.handler("late", "exec sleep 60", "timeout = \"1ms\"\nkill_grace = \"1ms\"");
    host.configure(
        "[handler.missing]\ntype = \"command\"\nargv = [\"/nowhere/program\"]\n"
        "[handler.query]\ntype = \"sql\"\nstatement = \"select 1\"\n"
        "[handler.broken]\ntype = \"sql\"\nstatement = \"select 1/0\"\n");
    auto run = host.start_process({"--linger", "55s"});
    const auto work_off = [&](int jobs) {
      for (const char* type : {"fails", "late", "missing", "query", "broken"})
        host.enqueue_many(type, jobs / 20);
      host.enqueue_many("short", jobs * 3 / 4);
      ZombieWatch zombies;
      while (host.count("job_queue where status in ('pending', 'running')") > 0) zombies.look(run);
      return zombies.longest();
    };
    work_off(100);
    const auto before = descriptors_of(run);

    const auto zombie_for = work_off(1000);

    CHECK(zombie_for < 500ms);
    CHECK(before.size() == 4);
    wait_until([&] { return descriptors_of(run) == before; }, "as many descriptors as before");
    CHECK(host.count("job_executions where status = 'completed'") == 880);
    CHECK(host.count("job_executions") == 1100);
  }

  TEST_CASE("a payload that does not fit into memory costs its own job, not its neighbours") {
    if (sanitized) return;
    // The less there is, the sooner something fails: first the client of the database.
    for (const int address_space_kib : {100'000, 160'000, 350'000}) {
      CAPTURE(address_space_kib);
      Host host(
          "[retry]\nmax_retries = 1\nbase_delay = \"1ms\"\n[process]\nmax_concurrent_jobs = "
          "1\n");
      host.handler("big", "cat >/dev/null");
      host.handler("idle", "exit 0");
      host.database.query("update settings set value = '200000000' where key = 'payload_limit'");
      const auto big = host.database
                           .query(
                               "select enqueue('big', json_build_object('x', repeat('x', "
                               "100000000)), priority => 9)")[0][0]
                           .as<job::JobId>();
      host.enqueue_many("idle", 3);

      int runs = 0;
      for (; runs < 10 && host.count("job_queue where status = 'pending'") > 0; ++runs) {
        const auto end =
            host.shell(fmt::format("ulimit -v {}; exec \"$S\" process", address_space_kib));
        CAPTURE(end.err);
        CHECK((end.exit_code == 0 || end.exit_code == 70 || end.exit_code == 75));
        CHECK(end.signal == 0);
      }

      CHECK(runs <= 5);
      CHECK(host.count("job_executions where job_type = 'idle' and status = 'completed'") == 3);
      CHECK(host.status(big) == "failed");
      CHECK(host.database.value("select error_message from jobs where id = $1", {big})
                .find("payload") != std::string::npos);
      check_nothing_held(host);
    }
  }

  TEST_CASE("a handler that is killed for its memory is recorded with its signal") {
    Host host("[retry]\nmax_retries = 0\n");
    host.handler("killed", "kill -9 $$");
    host.handler("idle", "exit 0");
    const auto killed = host.enqueue("killed"), idle = host.enqueue("idle");

    CHECK(host.process().exit_code == 0);

    CHECK(host.attempts(killed) == "failed/signal");
    CHECK(host.count("job_executions where signal = 9 and exit_code is null") == 1);
    CHECK(host.status(idle) == "completed");
  }

  TEST_CASE("a full disk costs log lines, no job") {
    if (geteuid() != 0) return;  // only root may mount
    Host host;
    host.handler("idle", "exit 0");
    host.env.push_back("SCHEDULER_LOG_FILE=" + (host.folder / "disk/log"));
    const auto job = host.enqueue("idle");

    const auto end = on_small_disk(host, "size=64k",
                                   "head -c 1M /dev/zero >\"$D/fill\" 2>/dev/null; \"$S\" process "
                                   "&& test -e \"$D/log\"");

    CAPTURE(end.err);
    CHECK(end.exit_code == 0);
    CHECK(host.attempts(job) == "completed");
  }

  TEST_CASE("a full disk for the lock files does not keep a run from its work") {
    if (geteuid() != 0) return;
    Host host;
    host.handler("idle", "exit 0");
    host.env.push_back("SCHEDCTL_STATE_DIR=" + (host.folder / "disk/state"));
    const auto job = host.enqueue("idle");

    const auto end = on_small_disk(
        host, "size=64k", "head -c 1M /dev/zero >\"$D/fill\" 2>/dev/null; exec \"$S\" process");

    CHECK(end.exit_code == 0);
    CHECK(end.err == "");
    CHECK(host.attempts(job) == "completed");
  }

  TEST_CASE("a disk that takes no more files puts jobs off, whichever file is the first missing") {
    if (geteuid() != 0) return;
    Host host;
    host.handler("idle", "exit 0");
    host.env.push_back("SCHEDCTL_STATE_DIR=" + (host.folder / "disk/state"));

    int refused = 0;
    for (int files = 1; files < 20; ++files) {  // a file system's own folder is one
      const auto job = host.enqueue("idle");
      const auto end =
          on_small_disk(host, fmt::format("size=64k,nr_inodes={}", files), "exec \"$S\" process");
      CAPTURE(files);
      CAPTURE(end.err);
      if (end.exit_code == 0) {
        CHECK(host.attempts(job) == "completed");
      } else {
        check_refused(end, 73, "No space left on device");
        CHECK(host.database.value("select attempts from job_queue where id = $1", {job}) == "0");
        CHECK(host.status(job) == "pending");
        host.database.query("delete from job_queue");
        ++refused;
      }
      check_nothing_held(host);
    }
    CHECK(refused >= 3);
    CHECK(refused < 19);
  }

  TEST_CASE("an id that does not fit on the disk is told, and the job is there") {
    Host host;
    const auto end = host.shell("exec \"$S\" enqueue noop >/dev/full");
    check_refused(end, 73, "standard output");
    CHECK(host.count("job_queue") == 1);
  }
}
