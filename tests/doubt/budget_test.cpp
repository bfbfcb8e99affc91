// Every command ends within its own time, whatever becomes of the server.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "doubt/remote.h"
#include "doubt/small_disk.h"
#include "support/times.h"
#include "support/together.h"
#include "util/process_tree.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point then) { return Seconds(Clock::now() - then).count(); }

const std::vector<std::vector<std::string>> commands = {
    {"process"},
    {"process", "--dry-run"},
    {"cleanup-stuck"},
    {"enqueue", "noop"},
    {"status"},
    {"history"},
    {"logs"},
    {"job", "show", "1"},
    {"job", "cancel", "1"},
    {"job", "retry", "1"},
    {"pause"},
    {"resume"},
    {"migrate"},
    {"migrate", "--status"},
    {"test"},
};

std::string name_of(const std::vector<std::string>& command) {
  std::string name;
  for (const auto& word : command) name += (name.empty() ? "" : " ") + word;
  return name;
}

using Start = std::function<Process(const std::vector<std::string>&)>;

// All at once, each with an eye on the clock. What `migrate` needs is not always what fails.
void check_commands(const std::string& what, const Start& start, double limit,
                    const std::string& says, bool migrations_too = true) {
  struct Run {
    std::string name;
    Process process;
    double took = 0;
  };
  const auto began = Clock::now();
  std::vector<Run> runs;
  for (const auto& command : commands) runs.push_back({name_of(command), start(command)});
  wait_until(
      [&] {
        bool over = true;
        for (auto& run : runs) {
          if (run.took > 0) continue;
          run.process.running() ? void(over = false) : void(run.took = since(began));
        }
        return over;
      },
      "all commands to end", 90s);

  double longest = 0;
  for (auto& run : runs) {
    const auto end = run.process.wait();
    const auto told = what + ": " + run.name + ": " + end.err + end.out;
    CAPTURE(told);
    CHECK(run.took <= limit * allowance());
    longest = std::max(longest, run.took);
    if (run.name == "test") {
      CHECK(end.exit_code == 1);
      CHECK(end.out.find("FAIL") != std::string::npos);
    } else if (run.name.starts_with("migrate") && !migrations_too) {
      CHECK(end.exit_code == 0);
    } else {
      check_refused(end, 75, says);
    }
  }
  MESSAGE(what << ": the slowest of " << runs.size() << " commands took " << longest << " s, limit "
               << limit << " s");
}

void await_sleep(const Server& server) {
  wait_until(
      [&] {
        return server.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") !=
               "0";
      },
      "a session to sleep");
}

// The processes of a server, frozen, as a machine is whose disk does not answer.
class Freeze {
 public:
  explicit Freeze(const Server& server) : pids_(pids_of(server)) { send(SIGSTOP); }
  ~Freeze() { send(SIGCONT); }
  Freeze(const Freeze&) = delete;
  Freeze& operator=(const Freeze&) = delete;

 private:
  static std::vector<pid_t> pids_of(const Server& server) {
    const auto postmaster = server.postmaster();
    auto pids = children_of(postmaster);
    pids.push_back(postmaster);
    return pids;
  }
  void send(int signal) const {
    for (const auto pid : pids_) ::kill(pid, signal);
  }

  std::vector<pid_t> pids_;
};

Start on(const Island& island) {
  return [&](const auto& command) { return island.host.start(command); };
}

void stopped() {
  Island island;
  island.enqueue("noop");
  island.server.crash();
  check_commands("server stopped", on(island), 3.5, "Connection refused");
}

void frozen() {
  Island island;
  island.enqueue("noop");
  const Freeze freeze(island.server);
  check_commands("server frozen", on(island), 3.5, "no answer in time");
}

void black_hole() {
  Remote remote;
  remote.island.enqueue("noop");
  remote.wire.cut();
  check_commands(
      "black hole", [&](const auto& command) { return remote.start_a(command); }, 3.5,
      "no answer in time");
}

void locked() {
  Island island;
  island.enqueue("noop");
  auto lock = test::start(
      {"psql", "-XAtqc",
       "begin; lock table schedctl.job_queue, schedctl.job_executions, schedctl.job_logs, "
       "schedctl.hosts, schedctl.workers, schedctl.settings, schedctl.audit_log; "
       "select pg_sleep(120)",
       island.server.socket_url()});
  await_sleep(island.server);
  check_commands("tables locked", on(island), 6, "another session holds a lock", false);
  lock.kill(SIGKILL);
}

// It freezes while the command waits for a lock, so that the command is in a statement.
void frozen_in_a_statement() {
  Island island;
  auto lock =
      test::start({"psql", "-XAtqc", "begin; lock table schedctl.job_queue; select pg_sleep(120)",
                   island.server.socket_url()});
  await_sleep(island.server);
  auto status = island.host.start({"status"});
  wait_until(
      [&] {
        return island.value(
                   "select count(*) from pg_stat_activity where wait_event_type = 'Lock'") == "1";
      },
      "the statement");
  const Freeze freeze(island.server);
  const auto began = Clock::now();

  check_refused(status.wait(60s), 75, "the connection was lost");

  check_times("server frozen in a statement of status", {since(began)}, 36);
  lock.kill(SIGKILL);
}

void frozen_under_a_run() {
  Island island;
  auto& host = island.host;
  add_witness(host);
  island.enqueue("witness", witness_payload("hang=60000"));
  auto run = host.start_process();
  const auto handler = await_start(host, 1);
  {
    const Freeze freeze(island.server);
    const auto began = Clock::now();
    wait_until([&] { return !chaos::alive(handler.process); }, "the handler to be killed");
    const auto death = since(began);
    const auto end = run.wait(60s);

    CHECK(end.exit_code == 75);
    CHECK(end.err.find("lost the lease") != std::string::npos);
    check_times("server frozen: death of the handler", {death}, 6.5);
    check_times("server frozen: exit of the run", {since(began)}, 10);
  }
  CHECK(host.process().exit_code == 0);
  wait_until(
      [&] {
        host.process();
        return island.statuses() == "completed";
      },
      "the job to be done");
  check_history(host, island.server);
}

void locked_row() {
  Island island;
  island.enqueue("noop");
  island.enqueue("noop");
  auto lock = test::start(
      {"psql", "-XAtqc",
       "begin; select id from schedctl.job_queue where id = 1 for update; select pg_sleep(120)",
       island.server.socket_url()});
  await_sleep(island.server);
  const auto began = Clock::now();

  island.host.tick();

  CHECK(since(began) <= 5 * allowance());
  CHECK(island.statuses() == "pending completed");
  lock.kill(SIGKILL);
}

void no_long_transactions() {
  Island island;
  auto& host = island.host;
  host.handler("long", "echo >>begun; sleep 5");
  island.enqueue("long");
  auto run = host.start_process();
  host.await_line("begun");

  int samples = 0;
  while (run.running()) {
    ++samples;
    CHECK(island.value(
              "select count(*) from pg_stat_activity where application_name = 'schedctl' and "
              "(state like 'idle in transaction%' and clock_timestamp() - state_change > '0.5 s' "
              "or coalesce(backend_xmin, backend_xid) is not null and "
              "clock_timestamp() - xact_start > '0.5 s')") == "0");
  }
  CHECK(samples > 20);
  CHECK(run.wait().exit_code == 0);
}

class FullServer {
 public:
  FullServer() {
    server.query("create tablespace small location '" + (folder_ / "small") + "'");
    server.query("alter role owner set default_tablespace = 'small'");
    host.replace_config(fmt::format("[database]\nurl = \"{}\"\n", server.url()));
    REQUIRE(host.run({"migrate"}).exit_code == 0);
  }
  void fill() const {
    server.query(
        "create table public.filler (bytes text); "
        "alter table public.filler alter bytes set storage external");
    for (const int bytes : {300'000, 50'000, 5'000}) {
      const auto insert = fmt::format("insert into public.filler values (repeat('x', {}))", bytes);
      ProcessResult end;
      do end = run({"psql", "-XAtqc", insert, server.socket_url()});
      while (end.exit_code == 0);
      REQUIRE_MESSAGE(end.err.find("No space left on device") != std::string::npos, end.err);
    }
  }
  void make_room() const { server.query("drop table public.filler"); }
  std::string value(const std::string& sql) const {
    return server.value("set search_path = schedctl; " + sql);
  }

 private:
  TempDir folder_;
  SmallDisk disk_{folder_ / "small"};

 public:
  Server server;
  Host host;
};

std::string random_json(std::size_t bytes) {
  std::ifstream random("/dev/urandom", std::ios::binary);
  std::string text = "{\"bytes\":\"";
  while (text.size() < bytes) text += fmt::format("{:02x}", static_cast<unsigned>(random.get()));
  return text + "\"}";
}

void disk_full_while_enqueuing() {
  const FullServer full;
  const auto payload = full.host.folder.write("payload", random_json(200'000));
  std::string told;
  ProcessResult end;
  for (int i = 0; i < 100; ++i) {
    end = full.host.run({"enqueue", "noop", "--payload", "@" + payload});
    if (end.exit_code != 0) break;
    told += end.out;
  }

  check_refused(end, 75, "(the server's disk is full)");
  CHECK(told != "");
  CHECK(full.value("select string_agg(id || E'\\n', '' order by id) from job_queue") == told);
}

void disk_full_while_completing() {
  FullServer full;
  auto& host = full.host;
  host.handler("held", "echo >>begun; while [ ! -e go ]; do sleep 0.02; done");
  const auto payload = host.folder.write("payload", random_json(300'000));
  REQUIRE(host.run({"enqueue", "held", "--payload", "@" + payload}).exit_code == 0);
  auto run = host.start_process();
  host.await_line("begun");
  full.fill();
  host.folder.write("go", "");
  const auto began = Clock::now();

  const auto end = run.wait(60s);
  CAPTURE(end.err);
  CHECK(end.exit_code == 75);
  CHECK(end.err.find("outcomes are kept for the next run") != std::string::npos);
  check_times("disk of the server full: exit of the run", {since(began)}, 16);
  const auto again = host.process();
  CHECK(again.exit_code == 75);
  CHECK(again.err.find("disk is full") != std::string::npos);
  full.make_room();
  CHECK(host.process().exit_code == 0);

  CHECK(host.lines("begun") == 1);
  CHECK(full.value("select string_agg(status || '/' || attempt, ' ') from job_executions") ==
        "completed/1");
}

}  // namespace

TEST_SUITE("doubt::budget [db]") {
  TEST_CASE("every command ends in its time when the server is gone, frozen or locked") {
    together({stopped, frozen, locked, frozen_in_a_statement, frozen_under_a_run, locked_row,
              no_long_transactions});
  }

  TEST_CASE("every command ends in its time when the network is cut" *
            doctest::skip(!may_make_networks())) {
    black_hole();
  }

  TEST_CASE("a full disk of the server costs no job, and no handler runs again because of it" *
            doctest::skip(geteuid() != 0)) {
    together({disk_full_while_enqueuing, disk_full_while_completing});
  }
}
