#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>

#include "support/host.h"
#include "support/server.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

ProcessResult operate(const Host& host, const std::vector<std::string>& arguments) {
  auto end = host.run(arguments);
  INFO(end.err);
  CHECK(end.exit_code == 0);
  return end;
}

std::string audit_of(const Server& server) {
  config::Database database;
  database.url = server.url();
  database.origin = "test";
  database.schema = "schedctl";
  db::Connection connection(database);
  db::Transaction tx(connection, db::autocommit);
  return tx
      .exec_text("select string_agg(who || ' ' || action, ', ' order by id) from audit_log")[0][0]
      .c_str();
}

}  // namespace

TEST_SUITE("e2e::operator [db]") {
  TEST_CASE("a job that runs is ended within 5 s of being cancelled from another host") {
    Host host;
    host.handler("sleeper", "echo $$ >sleeper.pid; sleep 60");
    const auto job = host.enqueue("sleeper");
    auto run = host.start_process();
    const auto pid = std::stoi(host.await_line("sleeper.pid"));

    const auto asked = std::chrono::steady_clock::now();
    const auto end = host.start({"job", "cancel", fmt::format("{}", job), "--reason", "no need"},
                                {"SCHEDCTL_HOST=host-b"})
                         .wait();
    CHECK(end.out == fmt::format("job {} is running: its worker has been asked to end it\n", job));
    wait_until([&] { return host.status(job) == "cancelled"; }, "the job to be cancelled", 5s);

    CHECK((std::chrono::steady_clock::now() - asked) / 1ms < 5000);
    CHECK(run.wait().exit_code == 0);
    CHECK_FALSE(alive(pid));
    CHECK(host.attempts(job).starts_with("cancelled"));
    CHECK(host.database.value("select concat_ws('|', who = session_user, job_id = $1, "
                              "detail ->> 'reason', detail ->> 'status') from audit_log",
                              {job}) == "t|t|no need|running");

    operate(host, {"job", "retry", fmt::format("{}", job)});
    CHECK(host.status(job) == "pending");
  }

  TEST_CASE("while everything is paused runs claim nothing and say so, after resume they do") {
    Host host;
    operate(host, {"pause", "--reason", "moving house"});
    const auto job = host.enqueue("noop");

    host.tick();
    host.env.push_back("SCHEDULER_ENABLE_CONSOLE=true");
    const auto told = host.process();
    host.env.pop_back();

    CHECK(told.exit_code == 0);
    CHECK(told.err.find("info paused; nothing is claimed") != std::string::npos);
    CHECK(told.err.find("moving house") != std::string::npos);
    CHECK(told.err.find('\n') == told.err.size() - 1);
    CHECK(host.status(job) == "pending");
    CHECK(host.count("hosts") == 1);

    operate(host, {"resume"});
    host.tick();
    CHECK(host.status(job) == "completed");
  }

  TEST_CASE("a run that is at work stops claiming within a second of the pause, and ends") {
    Host host;
    host.handler("short", "sleep 0.05");
    host.handler("long", "echo >long.started; while [ ! -e go ]; do sleep 0.01; done");
    const auto long_job = host.enqueue("long");
    host.enqueue_many("short", 1000);
    auto run = host.start_process();
    host.await_line("long.started");
    host.await("job_executions where status = 'completed'", 3);

    operate(host, {"pause"});
    wait_until([&] { return host.count("job_queue where status = 'running'") == 1; },
               "only the long job to run", 5s);
    host.folder.write("go", "");

    CHECK(run.wait().exit_code == 0);
    CHECK(host.status(long_job) == "completed");  // what runs goes on
    CHECK(host.count("job_queue where status = 'pending'") > 0);
    CHECK(host.count("job_queue where status <> 'pending'") == 0);
    CHECK(host.count("job_executions, current_pause where started_at > paused_since + "
                     "interval '2.5 s'") == 0);
  }

  TEST_CASE(
      "who lacks the rights gets exit 77; who has them is recorded by the name of the login") {
    const Server server;
    Host host("", Database::Content::nothing);
    const auto log_in = [&](const std::string& user) {
      auto url = server.url();
      url.replace(url.find("owner"), 5, user);
      host.replace_config("[database]\nurl = \"" + url + "\"\n");
    };
    const std::vector<std::vector<std::string>> orders{
        {"pause"}, {"resume"}, {"job", "cancel", "1"}, {"job", "retry", "1"}};
    log_in("owner");
    operate(host, {"migrate"});
    operate(host, {"enqueue", "noop"});
    server.query(fmt::format("create role boss; create role clerk login password '{}' in role boss",
                             Server::right_password));
    server.query("grant usage on schema schedctl to boss");

    log_in("clerk");
    for (const auto& order : orders) {
      const auto refused = host.run(order);
      CAPTURE(refused.err);
      CHECK(refused.exit_code == 77);
      CHECK(refused.out == "");
    }
    for (const std::string rights :
         {"execute on all functions", "all on all tables", "all on all sequences"})
      server.query("grant " + rights + " in schema schedctl to boss");
    host.env.push_back("PGOPTIONS=-c role=boss");  // as a client may claim to be another
    for (const auto& order : orders) operate(host, order);

    CHECK(audit_of(server) == "clerk pause, clerk resume, clerk cancel, clerk retry");
  }

  TEST_CASE("a run takes back the jobs of the dead also while everything is paused") {
    Host host;
    host.handler("hang", "echo $$ >hang.pid; exec sleep 30");
    const auto job = host.enqueue("hang");
    auto run = host.start_process();
    const auto pid = std::stoi(host.await_line("hang.pid"));
    operate(host, {"pause"});
    run.kill(SIGKILL);
    run.wait();
    wait_until([&] { return !alive(pid); }, "the handler to end");

    CHECK(host.process().exit_code == 0);

    CHECK(host.status(job) == "pending");
    CHECK(host.attempts(job) == "lost/worker_died");
    CHECK(host.count("workers") == 0);
  }
}
