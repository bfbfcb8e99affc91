// The primary dies and its standby takes over; then the primary comes back.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "doubt/history.h"
#include "support/times.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// A primary, its standby, and a host that knows both.
struct Pair {
  Island island;
  Server& primary = island.server;
  Host& host = island.host;
  std::unique_ptr<Server> standby = primary.standby();

  Pair() {
    host.env.push_back("SCHEDCTL_DATABASE_URL=" + url());
    // Else it would be another one for another URL.
    host.configure(fmt::format("[process]\nlock_file = \"{}\"\n", host.folder / "run/lock"));
    add_witness(host);
  }
  std::string url() const {
    return fmt::format("postgresql://owner:{}@127.0.0.1:{},127.0.0.1:{}/postgres",
                       Server::right_password, primary.port(), standby->port());
  }
  // A commit is acknowledged when the standby has it, too.
  void replicate_synchronously() const {
    primary.query("alter system set synchronous_standby_names = '*'");
    primary.query("select pg_reload_conf()");
    wait_until(
        [&] {
          return primary.value(
                     "select count(*) from pg_stat_replication where sync_state = 'sync'") == "1";
        },
        "the standby to be synchronous");
  }
  // From now on the standby gets nothing, and nobody waits for it.
  void stop_replication() const {
    primary.await_copy(*standby);
    standby->query("alter system set primary_conninfo = ''");
    standby->query("select pg_reload_conf()");
    wait_until([&] { return primary.value("select count(*) from pg_stat_replication") == "0"; },
               "the standby to be cut off");
  }
  void fail_over() const {
    primary.crash();
    standby->promote();
  }
  std::string on_standby(const std::string& sql) const {
    return standby->value("set search_path = schedctl; " + sql);
  }
};

// How long after a promotion in the middle of a batch the first job is claimed.
double first_claim_after_promotion() {
  Pair pair;
  pair.replicate_synchronously();
  std::set<chaos::JobId> acknowledged;
  for (int i = 0; i < 40; ++i)
    acknowledged.insert(pair.island.enqueue("witness", witness_payload("work=200")));
  auto run = pair.host.start_process({"--linger", "40s"});
  await_start(pair.host, 6);

  pair.fail_over();
  const auto promoted = server_time(*pair.standby);
  std::optional<double> took;
  wait_until([&] { return (took = first_claim_since(*pair.standby, promoted)).has_value(); },
             "a claim");

  wait_until([&] { return pair.on_standby("select count(*) from job_queue") == "0"; },
             "all jobs to be done");
  run.kill(SIGTERM);
  const auto end = run.wait();
  CAPTURE(end.err);
  CHECK(end.exit_code == 128 + SIGTERM);
  CHECK(pair.on_standby("select count(*) from job_executions where status = 'completed'") == "40");
  check_history(pair.host, *pair.standby, acknowledged);
  return *took;
}

// "id key" of each job that the handler was started for.
std::multimap<std::string, std::string> keys(const Host& host) {
  std::multimap<std::string, std::string> all;
  std::istringstream lines(host.read("keys"));
  for (std::string id, key; lines >> id >> key;) all.emplace(id, key);
  return all;
}

}  // namespace

TEST_SUITE("doubt::failover [db]") {
  TEST_CASE("R7: a promoted standby hands out jobs within 5 s, and has all that were accepted") {
    std::vector<double> times;
    for (int i = 0; i < rounds(); ++i) times.push_back(first_claim_after_promotion());
    check_times("R7, from the promotion to the first claim", times, 5);
  }

  TEST_CASE("ids that repeat after a failover have other idempotency keys, and do no harm") {
    Pair pair;
    pair.host.handler("note", "echo $SCHEDCTL_JOB_ID $SCHEDCTL_IDEMPOTENCY_KEY >>keys");
    pair.stop_replication();
    const auto enqueue = "select count(schedctl.enqueue('note')) from generate_series(1, 50)";
    REQUIRE(pair.primary.value(enqueue) == "50");
    pair.host.tick();
    REQUIRE(keys(pair.host).size() == 50);

    pair.fail_over();
    REQUIRE(pair.standby->value(enqueue) == "50");
    const auto end = pair.host.process();

    CHECK(end.exit_code == 0);
    CHECK(end.err.find("another server has taken over") != std::string::npos);
    CHECK(pair.on_standby("select count(*) from job_executions where status = 'completed'") ==
          "50");
    const auto all = keys(pair.host);
    std::set<std::string> ids, different;
    for (const auto& [id, key] : all) ids.insert(id), different.insert(key);
    CHECK(all.size() == 100);
    CHECK(ids.size() < 100);  // else this would prove nothing
    CHECK(different.size() == 100);
  }

  TEST_CASE("an old primary that comes back is passed over, and refused when it is alone") {
    Pair pair;
    auto& host = pair.host;
    host.tick();
    pair.primary.await_copy(*pair.standby);
    pair.fail_over();
    CHECK(host.process().err.find("another server has taken over") != std::string::npos);
    host.tick();  // said once
    pair.primary.start_again();
    const auto on_old = [&](const std::string& sql) { return pair.island.value(sql); };
    const auto hosts_before = on_old("select last_tick_at from hosts");

    REQUIRE(host.run({"enqueue", "noop"}).exit_code == 0);
    host.tick();
    CHECK(pair.on_standby("select count(*) from job_executions") == "1");

    host.env.push_back("SCHEDCTL_DATABASE_URL=" + pair.primary.url());
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"process"}, {"enqueue", "noop"}, {"pause"}, {"cleanup-stuck"}, {"migrate"}})
      check_refused(host.run(command), 78, "it is an old primary: timeline 1, and this host has");
    CHECK(on_old("select last_tick_at from hosts") == hosts_before);
    CHECK(on_old("select count(*) from jobs") == "0");
  }

  TEST_CASE("who wants the old primary back removes the file that the refusal names") {
    Pair pair;
    auto& host = pair.host;
    host.tick();
    pair.fail_over();
    CHECK(host.process().exit_code == 0);
    pair.primary.start_again();
    host.env.push_back("SCHEDCTL_DATABASE_URL=" + pair.primary.url());
    const auto refusal = host.process().err;
    const auto from = refusal.find("remove ") + 7;
    const auto file = refusal.substr(from, refusal.find(" if this server") - from);

    REQUIRE(std::filesystem::remove(file));

    host.tick();
  }

  TEST_CASE("a standby has nothing to do, says so, and takes no jobs") {
    Pair pair;
    pair.host.env.push_back("SCHEDCTL_DATABASE_URL=" + pair.standby->url());

    pair.host.tick();
    const auto told =
        pair.host.start({"--log-level", "info", "process"}, {"SCHEDULER_ENABLE_CONSOLE=true"})
            .wait();

    CHECK(told.exit_code == 0);
    CHECK(told.err.find("standby") != std::string::npos);
    check_refused(pair.host.run({"enqueue", "noop"}), 75, "read-only");
  }

  TEST_CASE("when no host of several is a primary, the run says so") {
    Pair pair;
    pair.primary.crash();

    check_refused(pair.host.process(), 75, "read-only");
  }
}
