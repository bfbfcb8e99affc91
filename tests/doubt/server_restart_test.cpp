// The server goes away under a run, and comes back.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "doubt/history.h"
#include "support/times.h"
#include "support/together.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point then) { return Seconds(Clock::now() - then).count(); }

constexpr const char* our_sessions =
    "from pg_stat_activity where application_name = 'schedctl' and pid <> pg_backend_pid()";

void restart_fast(const Server& server) { server.restart(); }
void crash_and_start(const Server& server) {
  server.crash();
  server.start_again();
}
void cut_sessions(const Server& server) {
  server.query(std::string("select pg_terminate_backend(pid) ") + our_sessions);
}
// Which makes the server end all sessions and recover.
void kill_stranger(const Server& server) {
  auto stranger =
      test::start({"psql", "-XAtqc", "set application_name = 'stranger'; select pg_sleep(60)",
                   server.socket_url()});
  const auto pid = [&] {
    return server.value(
        "select coalesce(max(pid), 0) from pg_stat_activity where application_name = 'stranger' "
        "and wait_event = 'PgSleep'");
  };
  wait_until([&] { return pid() != "0"; }, "a stranger's session");
  ::kill(std::stoi(pid()), SIGKILL);
  CHECK(stranger.wait().exit_code != 0);
  server.await_ready();
}

// How long the run takes to go on, or to end.
double trouble_in_mid_batch(const std::function<void(const Server&)>& trouble) {
  Island island("[process]\nmax_concurrent_jobs = 4\n");
  auto& host = island.host;
  add_witness(host);
  std::set<chaos::JobId> acknowledged;
  for (int i = 0; i < 20; ++i)
    acknowledged.insert(island.enqueue("witness", witness_payload("work=300")));
  auto run = host.start_process();
  await_start(host, 5);

  const auto began = Clock::now();
  trouble(island.server);
  const auto after = server_time(island.server);
  std::optional<double> went_on;
  wait_until(
      [&] {
        went_on = first_claim_since(island.server, after);
        return went_on || !run.running();
      },
      "the run to go on, or to end");
  const auto took = since(began);

  const auto end = run.wait();
  CAPTURE(end.err);
  CHECK((end.exit_code == 0 || end.exit_code == 75));
  wait_until(
      [&] {
        CHECK(host.process().exit_code == 0);
        return island.value("select count(*) from job_queue") == "0";
      },
      "all jobs to be done");
  check_history(host, island.server, acknowledged);
  return took;
}

void check_trouble(const std::string& what, const std::function<void(const Server&)>& trouble) {
  std::vector<double> times;
  for (int i = 0; i < rounds(); ++i) times.push_back(trouble_in_mid_batch(trouble));
  check_times("R6, " + what, times, 10);
}

void no_server() {
  Island island;
  REQUIRE(island.host.run({"enqueue", "noop"}).exit_code == 0);
  island.server.crash();
  std::vector<double> times;
  for (int i = 0; i < rounds(); ++i) {
    const auto began = Clock::now();
    check_refused(island.host.process(), 75, "Connection refused: is the server running?");
    times.push_back(since(began));
  }
  check_times("R8, server stopped", times, 3.5);
}

// A primary that is told to shut down waits for sessions; a standby that is not hot never answers.
void server_between() {
  Island island("", {.settings = "hot_standby = off\n"});
  const auto standby = island.server.standby();
  auto& host = island.host;
  const auto refused = [&](const std::string& url, const std::string& says) {
    host.env.push_back("SCHEDCTL_DATABASE_URL=" + url);
    const auto began = Clock::now();
    check_refused(host.process(), 75, says);
    check_times("R8, " + says, {since(began)}, 3.5);
  };
  refused(standby->url(), "the database system is not accepting connections");

  auto session = test::start({"psql", "-XAtqc", "select pg_sleep(60)", island.server.socket_url()});
  wait_until(
      [&] {
        return island.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") ==
               "1";
      },
      "a session");
  island.server.start_stopping();
  refused(island.server.url(), "the database system is shutting down");
  session.kill(SIGKILL);
}

void server_that_refuses() {
  Island island("", {.access = "host postgres stranger 127.0.0.1/32 reject\n"});
  auto& host = island.host;
  const auto refused = [&](const std::string& from, const std::string& to, int code,
                           const std::string& says) {
    auto url = island.server.url();
    url.replace(url.find(from), from.size(), to);
    host.env.push_back("SCHEDCTL_DATABASE_URL=" + url);
    const auto began = Clock::now();
    const auto end = host.process();
    check_refused(end, code, says);
    CHECK(end.err.find(Server::right_password) == std::string::npos);
    CHECK(since(began) <= 3.5 * allowance());
  };

  refused("owner:", "stranger:", 77, "check user, password and pg_hba.conf");
  refused(":right@", ":worn@", 77, "check user, password and pg_hba.conf");
  refused(":right@", "@", 77, "check user, password and pg_hba.conf");
  refused("/postgres", "/nothing", 78, "create it, or correct database.url");
  island.server.query("create role crowded login password 'right' connection limit 0");
  refused("owner:", "crowded:", 75, "too many connections");
  CHECK(island.value("select count(*) from hosts") == "0");  // none of them came as far as that
}

}  // namespace

TEST_SUITE("doubt::server_restart [db]") {
  TEST_CASE("a server that restarts, or cuts sessions, in the middle of a batch costs no job") {
    together({[] { check_trouble("fast restart", restart_fast); },
              [] { check_trouble("crash and start", crash_and_start); },
              [] { check_trouble("all sessions cut", cut_sessions); },
              [] { check_trouble("a stranger's server process killed", kill_stranger); }});
  }

  TEST_CASE("a server that is not there, not yet, not for long or not for us is named in a line") {
    together({no_server, server_between, server_that_refuses});
  }
}
