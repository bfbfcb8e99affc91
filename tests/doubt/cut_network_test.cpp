// The network between a run and its server disappears, and nobody is told.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "doubt/remote.h"
#include "support/times.h"
#include "support/together.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point then) { return Seconds(Clock::now() - then).count(); }

struct Times {
  std::vector<double> death, takeover, exit;

  void check(const std::string& what) const {
    check_times(what + ": death of the handler", death, 6);
    check_times("R4, " + what + ": the other host takes over", takeover, 15);
    check_times(what + ": exit of the run", exit, 10);
  }
};

void stop(Process& run) {
  run.kill(SIGTERM);
  CHECK(run.wait().exit_code == 128 + SIGTERM);
}

int asleep(const Remote& remote) {
  return std::stoi(
      remote.island.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"));
}

void check_lost(Process& run, const std::string& attempts, const Remote& remote) {
  const auto end = run.wait(30s);
  CAPTURE(end.err);
  CHECK(end.exit_code == 75);
  CHECK(end.err.find("lost the lease") != std::string::npos);
  CHECK(end.err.find("\nschedctl: ") != std::string::npos);
  CHECK(remote.island.value("select string_agg(status, ' ' order by id) from job_executions") ==
        attempts);
}

// How long it took from `then` until each came true.
std::vector<double> times_until(Clock::time_point then,
                                const std::vector<std::function<bool()>>& conditions) {
  std::vector<double> times(conditions.size(), 0);
  wait_until(
      [&] {
        for (std::size_t i = 0; i < conditions.size(); ++i)
          if (times[i] == 0 && conditions[i]()) times[i] = since(then);
        return std::find(times.begin(), times.end(), 0) == times.end();
      },
      "what follows a hole");
  return times;
}

// A handler that would hang for ever, in a hole made by `cut`.
Times lose_handler(void (Wire::*cut)(), const std::string& first_attempt) {
  Remote remote;
  remote.enqueue_witness("hang=60000");
  auto a = remote.start_a({"process"});
  const auto first = await_start(remote.island.host, 1);
  auto b = remote.start_lingering_b();

  (remote.wire.*cut)();
  const auto hole = Clock::now();
  const auto times = times_until(
      hole, {[&] { return !chaos::alive(first.process); },
             [&] { return starts(remote.island.host).size() == 2; }, [&] { return !a.running(); }});
  CHECK(times[0] < 8.5);  // before the server may free the lock, on any machine
  stop(b);
  check_lost(a, first_attempt + " completed", remote);
  CHECK(await_start(remote.island.host, 2).host == "host-b");
  check_history(remote.island.host, remote.island.server);
  return {{times[0]}, {times[1]}, {times[2]}};
}

void black_hole() { lose_handler(&Wire::cut, "lost").check("black hole"); }

// The server hears what the run has to say, and the run hears nothing.
void one_way_hole() { lose_handler(&Wire::cut_to_here, "interrupted").check("one-way hole"); }

void hole_in_a_statement() {
  Remote remote(
      "[handler.long]\ntype = \"sql\"\nstatement = \"insert into public.effects select pg_sleep("
      "case when current_setting('schedctl.attempt') = '1' then 60 else 0 end)::text\"\n");
  remote.island.server.query("create table public.effects (effect text)");
  remote.island.enqueue("long");
  auto a = remote.start_a({"process"});
  wait_until([&] { return asleep(remote) == 1; }, "the statement");
  auto b = remote.start_lingering_b();

  remote.wire.cut();
  const auto hole = Clock::now();
  const auto times = times_until(hole, {[&] { return asleep(remote) == 0; },
                                        [&] { return remote.island.statuses() == "completed"; },
                                        [&] { return !a.running(); }});
  check_lost(a, "lost completed", remote);

  check_times("hole in a statement: the server ends it", {times[0]}, 10);
  check_times("R4, hole in a statement: the other host has done it", {times[1]}, 15);
  check_times("hole in a statement: exit of the run", {times[2]}, 10);
  CHECK(remote.island.value("select count(*) from public.effects") == "1");
  stop(b);
}

// What asks the server to cancel the statement cannot reach it either.
void hole_at_a_signal() {
  Remote remote(
      "[process]\nshutdown_grace = \"500ms\"\nshutdown_force = \"500ms\"\n"
      "[handler.long]\ntype = \"sql\"\nstatement = \"select pg_sleep(60)\"\n");
  remote.island.enqueue("long");
  auto a = remote.start_a({"process"});
  wait_until([&] { return asleep(remote) == 1; }, "the statement");

  remote.wire.cut();
  const auto hole = Clock::now();
  a.kill(SIGTERM);

  CHECK(a.wait(30s).exit_code == 128 + SIGTERM);
  check_times("hole at a signal: exit of the run", {since(hole)}, 10);
}

void hole_in_a_claim() {
  Remote remote;
  remote.enqueue_witness("work=0");
  auto lock =
      test::start({"psql", "-XAtqc", "begin; lock table schedctl.job_queue; select pg_sleep(60)",
                   remote.island.server.socket_url()});
  wait_until([&] { return asleep(remote) == 1; }, "the lock");
  auto a = remote.start_a({"process"});
  wait_until(
      [&] {
        return remote.island.value(
                   "select count(*) from pg_stat_activity where wait_event_type = 'Lock'") == "1";
      },
      "the run to wait for the lock");

  remote.wire.cut();
  const auto hole = Clock::now();
  check_refused(a.wait(30s), 75, "lost");
  check_times("hole while it waits for a lock: exit of the run", {since(hole)}, 10);

  remote.island.value(
      "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'");
  CHECK(remote.start_b({"process"}).wait().exit_code == 0);
  CHECK(remote.island.value("select string_agg(attempt::text, '') from job_executions") == "1");
  check_history(remote.island.host, remote.island.server);
}

// Shorter than the time after which the server gives the session up.
void hole_that_heals() {
  Remote remote;
  remote.enqueue_witness("hang=12000");
  auto a = remote.start_a({"process"});
  await_start(remote.island.host, 1);
  auto b = remote.start_lingering_b();

  remote.wire.cut();
  const auto healed = Clock::now() + 8s;
  wait_until([&] { return Clock::now() >= healed; }, "8 s to pass");
  remote.wire.heal();
  const auto end = a.wait(30s);
  wait_until([&] { return remote.island.statuses() == "completed"; }, "the job to be done");

  CAPTURE(end.err);
  CHECK((end.exit_code == 0 || end.exit_code == 75));
  CHECK(remote.island.value("select count(*) from job_executions where status = 'completed'") ==
        "1");
  stop(b);
  check_history(remote.island.host, remote.island.server);
}

void bad_line() {
  Remote remote("connect_timeout = \"20s\"\n[process]\nmax_runtime = \"3s\"\n");
  for (int i = 0; i < 20; ++i) remote.enqueue_witness("work=400");
  auto a = remote.start_a({"process"});
  await_start(remote.island.host, 1);
  remote.wire.disturb(30, 500ms);
  const auto began = Clock::now();
  auto b = remote.start_b({"process"});

  const auto end = a.wait(60s);
  CAPTURE(end.err);
  CHECK((end.exit_code == 0 || end.exit_code == 75));
  // The window, and then at most four statements that each get an answer just in time: log lines,
  // outcomes, farewell, old history.
  CHECK(since(began) <= 3 + 4 * 10);
  b.wait();
  remote.wire.heal();
  wait_until(
      [&] {
        CHECK(remote.start_a({"process"}).wait().exit_code == 0);
        return remote.island.value("select count(*) from job_queue") == "0";
      },
      "all jobs to be done");

  check_history(remote.island.host, remote.island.server);
}

double time_to_refuse(Remote& remote, const std::string& url, const std::string& says) {
  remote.url = url;
  const auto began = Clock::now();
  check_refused(remote.start_a({"process"}).wait(30s), 75, says);
  return since(began);
}

void hole_at_connect() {
  Remote remote;
  remote.wire.cut();
  const auto one = remote.url;
  auto two = one;
  two.insert(two.find("10.77."), "10.77.0.3:77,");

  std::vector<double> of_one, of_two;
  for (int i = 0; i < rounds(); ++i) {
    of_one.push_back(time_to_refuse(remote, one, "no answer in time"));
    of_two.push_back(time_to_refuse(remote, two, "no answer in time"));
  }
  check_times("R8, black hole at connect, one host", of_one, 3.5);
  check_times("R8, two hosts, connect_timeout for both together", of_two, 5.5);
}

// The name server is in the hole, too. The host's files are this run's own.
void hole_at_the_name_server() {
  Remote remote;
  remote.wire.cut();
  auto& host = remote.island.host;
  host.network = remote.here.descriptor();
  host.folder.write("resolv.conf", "nameserver 10.77.0.2\n");
  const auto ask = [&](const std::string& url) {
    const auto began = Clock::now();
    const auto end = host.shell(
        "exec unshare -m sh -c 'mount --bind \"$F\" /etc/resolv.conf && exec \"$S\" process'",
        {"F=" + (host.folder / "resolv.conf"), "SCHEDCTL_DATABASE_URL=" + url});
    check_refused(end, 75, "name server does not answer in time");
    return since(began);
  };

  check_times("R8, name server in a black hole", {ask("postgresql://owner@db.example/postgres")},
              3.5);
  check_times("R8, the same with two hosts",
              {ask("postgresql://owner@db1.example,db2.example/postgres")}, 5.5);
}

}  // namespace

TEST_SUITE("doubt::cut_network [db]") {
  TEST_CASE("a network that is cut costs seconds, never a job, and nothing runs twice at once" *
            doctest::skip(!may_make_networks())) {
    together({black_hole, one_way_hole, hole_in_a_statement, hole_at_a_signal, hole_in_a_claim,
              hole_that_heals, bad_line, hole_at_connect, hole_at_the_name_server});
  }

  TEST_CASE("R4 again and again" * doctest::skip(!may_make_networks() || !measures())) {
    Times holes, one_way;
    const auto add = [](Times& all, const Times& one) {
      all.death.push_back(one.death[0]);
      all.takeover.push_back(one.takeover[0]);
      all.exit.push_back(one.exit[0]);
    };
    for (int i = 0; i < rounds(); ++i) {
      Times first, second;
      together({[&] { first = lose_handler(&Wire::cut, "lost"); },
                [&] { second = lose_handler(&Wire::cut_to_here, "interrupted"); }});
      add(holes, first);
      add(one_way, second);
    }
    holes.check("black hole");
    one_way.check("one-way hole");
  }
}
