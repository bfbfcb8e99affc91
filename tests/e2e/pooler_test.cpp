// Runs and commands that reach the server through a real PgBouncer in transaction mode.
#include "support/pooler.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <chrono>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

// A host behind a pooler of its own; what the test itself asks goes directly to the server.
struct Island {
  Pooler pooler;
  Host host;

  explicit Island(const std::string& toml = "", const PoolerOptions& options = {})
      : pooler(server_url(), options) {
    host.replace_config(section("true") + toml);
  }
  std::string section(const std::string& pooled) const {
    return fmt::format("[database]\nurl = \"{}\"\nschema = \"{}\"\npooled = {}\n", pooler.url(),
                       host.database.schema(), pooled);
  }
  // Of a session that the pooler gives at the moment, with no settings of ours.
  std::string bare(const std::string& sql) const {
    config::Database database = host.database.config();
    database.url = pooler.url();
    database.pooled = true;
    db::Connection connection(database);
    db::Transaction tx(connection, db::bare);
    return tx.exec_text(sql)[0][0].c_str();
  }
};

// Everything that a client may leave in a session.
constexpr const char* leftovers =
    "select concat_ws(' ', (select count(*) from pg_prepared_statements), "
    "(select count(*) from pg_listening_channels()), "
    "(select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), "
    "(select string_agg(name, ',') from pg_settings where source = 'session' and name <> all "
    "('{application_name,client_encoding,transaction_isolation}')), "
    "nullif(current_setting('schedctl.job_id', true), ''), current_user = session_user)";

constexpr const char* witness =
    "[ \"$SCHEDCTL_ATTEMPT\" = 1 ] && { echo $$ >first; until [ -e go ]; do sleep 0.05; done; }\n"
    "[ \"$SCHEDCTL_ATTEMPT\" = 1 ] || { kill -0 \"$(cat first)\" && echo both >overlap; }\n"
    "exit 0";

}  // namespace

TEST_SUITE("e2e::pooler [db]") {
  TEST_CASE("a pooler that nobody declared is refused by every command, with the remedy") {
    Island island;
    for (const std::string settings : {"", "ignore_startup_parameters = options"}) {
      const Pooler pooler(server_url(), {.settings = settings});
      island.host.replace_config(fmt::format("[database]\nurl = \"{}\"\nschema = \"{}\"\n",
                                             pooler.url(), island.host.database.schema()));
      for (const std::vector<std::string>& command :
           {std::vector<std::string>{"process"}, {"migrate"}, {"status"}, {"enqueue", "noop"}}) {
        CAPTURE(command[0]);
        check_refused(island.host.run(command), 78, "set database.pooled = true");
      }
      const auto examined = island.host.run({"test"});
      CHECK(examined.exit_code == 1);
      CHECK(examined.out.find("set database.pooled = true") != std::string::npos);
    }
    CHECK(island.host.count("hosts") == 0);
  }

  TEST_CASE("an installation is made, examined, used and looked at through one session") {
    Island island("[handler.greet]\ntype = \"command\"\nargv = [\"echo\", \"hello\"]\n",
                  {.size = 1});
    auto& host = island.host;
    host.database.query("drop schema " + host.database.schema() + " cascade");
    CHECK(host.run({"migrate"}).exit_code == 0);
    const auto examined = host.run({"test"});
    CAPTURE(examined.out);
    CHECK(examined.exit_code == 0);
    CHECK(examined.out.find(", pooled\n") != std::string::npos);

    const auto job = host.enqueue("greet", R"({"it's": "\\ $1"})");
    CHECK(host.run({"enqueue", "noop", "--payload", R"({"it's": "\\ $1"})"}).exit_code == 0);
    host.tick();

    CHECK(host.status(job) == "completed");
    CHECK(host.count("job_executions where status = 'completed' and "
                     "payload::text = '{\"it''s\": \"\\\\ $1\"}'") == 2);
    for (const std::vector<std::string>& command : {std::vector<std::string>{"status"},
                                                    {"history"},
                                                    {"logs"},
                                                    {"job", "show", fmt::format("{}", job)},
                                                    {"pause"},
                                                    {"resume"},
                                                    {"cleanup-stuck"},
                                                    {"migrate", "--status"}}) {
      const auto end = host.run(command);
      CAPTURE(command[0]);
      CAPTURE(end.err);
      CHECK(end.exit_code == 0);
    }
  }

  TEST_CASE("work of every kind leaves nothing behind in the pooler's sessions") {
    Island island(
        "[handler.greet]\ntype = \"command\"\nargv = [\"true\"]\n"
        "[handler.local]\ntype = \"sql\"\nstatement = \"select 1\"\nrole = \"pg_database_owner\"\n"
        "timeout = \"20s\"\n"
        "[handler.autonomous]\ntype = \"sql\"\nstatement = \"vacuum pg_statistic_ext\"\n"
        "autonomous = true\ntimeout = \"20s\"\n",
        {.size = 1, .session = "select 1"});
    auto& host = island.host;
    const auto before = island.bare(leftovers);
    REQUIRE(before == "0 0 0 t");
    for (const std::string type : {"greet", "noop", "local", "autonomous"}) {
      host.enqueue_many(type, 5);
      host.database.query("select enqueue($1, group_key => 'g')", {type});
    }
    host.database.query("grant select on schema_migrations to public");

    host.tick();

    CHECK(host.count("job_executions where status = 'completed'") == 24);
    CHECK(host.count("job_queue") == 0);
    CHECK(island.bare(leftovers) == before);
  }

  TEST_CASE("twenty runs at once share two sessions, do each job once, and none complains") {
    Island island("[handler.greet]\ntype = \"command\"\nargv = [\"true\"]\n", {.size = 2});
    auto& host = island.host;
    host.enqueue_many("greet", 30);
    host.database.query("select enqueue('noop', group_key => 'g') from generate_series(1, 30)");
    std::vector<Process> runs;
    for (int i = 0; i < 20; ++i)
      runs.push_back(host.start(
          {"process"}, {fmt::format("SCHEDCTL_HOST=host-{}", i),
                        fmt::format("SCHEDCTL_STATE_DIR={}/state-{}", host.folder.path(), i)}));
    for (auto& run : runs) {
      const auto end = run.wait();
      CHECK(end.exit_code == 0);
      CHECK(end.err == "");
    }
    CHECK(host.count("job_executions where status = 'completed'") == 60);
    CHECK(host.count("job_executions") == 60);
    CHECK(host.count("job_queue") == 0);
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("a run with nothing to do makes three round trips, as without a pooler") {
    Island island;
    island.host.tick();
    const int before = island.pooler.round_trips();
    island.host.tick();
    CHECK(island.pooler.round_trips() - before == 3);
  }

  TEST_CASE("a run that lingers looks for jobs each second") {
    Island island("[handler.greet]\ntype = \"command\"\nargv = [\"true\"]\n");
    auto& host = island.host;
    auto run = host.start_process({"--linger", "55s"});
    host.await("workers", 1);
    CHECK(host.count("workers where lingers or direct") == 0);
    const auto last = [&] {
      const auto job = host.enqueue("greet");
      wait_until([&] { return host.status(job) == "completed"; }, "the job");
      return std::stod(host.database.value(
          "select extract(epoch from started_at - job_created_at) from job_executions "
          "order by id desc limit 1"));
    };
    for (int i = 0; i < 3; ++i) CHECK(last() < 1.5);
    run.kill(SIGTERM);
    CHECK(run.wait(10s).exit_code == 143);
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("a pooler that is restarted costs a running job nothing") {
    Island island;
    auto& host = island.host;
    host.handler("witness", witness);
    const auto job = host.enqueue("witness");
    auto run = host.start_process();
    host.await_line("first");
    const auto lease = host.database.value("select lease_until from workers");

    island.pooler.crash();
    island.pooler.start();
    wait_until([&] { return host.database.value("select lease_until from workers") > lease; },
               "the lease to be renewed");
    host.folder.write("go", "");

    const auto end = run.wait();
    CAPTURE(end.err);
    if (end.exit_code != 0) CHECK(end.exit_code == 75);  // it had looked for more jobs
    CHECK(host.attempts(job) == "completed");
    CHECK(host.count("workers") == 0);
  }

  TEST_CASE("a pooler that answers no more: the handler ends before another run has its job") {
    Island island;
    auto& host = island.host;
    host.handler("witness", witness);
    const auto job = host.enqueue("witness");
    auto run = host.start_process();
    const auto first = std::stoi(host.await_line("first"));
    auto other =
        host.start({"process", "--linger", "55s"},
                   {"SCHEDCTL_HOST=host-b", "SCHEDCTL_STATE_DIR=" + (host.folder / "state-b"),
                    "SCHEDCTL_DATABASE_URL=" + server_url()});
    host.await("workers where host = 'host-b'", 1);

    const auto frozen = Clock::now();
    island.pooler.freeze();
    wait_until([&] { return !alive(first); }, "the handler to end");
    const std::chrono::duration<double> fenced = Clock::now() - frozen;
    wait_until([&] { return host.status(job) == "completed"; }, "the second attempt");
    const std::chrono::duration<double> taken_over = Clock::now() - frozen;
    island.pooler.thaw();

    MESSAGE(fmt::format("handler ended after {:.2f} s, job done elsewhere after {:.2f} s",
                        fenced.count(), taken_over.count()));
    CHECK(fenced.count() > 11);  // as long as the lease allows
    CHECK(taken_over.count() < 16.5);
    CHECK(host.read("overlap") == "");
    CHECK(run.wait().exit_code == 75);
    CHECK(host.attempts(job) == "lost/worker_died completed");
    other.kill(SIGTERM);
    CHECK(other.wait(10s).exit_code == 143);
  }

  TEST_CASE("an autonomous statement is cancelled at its time limit, and finds no settings") {
    Island island(
        "[retry]\nmax_retries = 0\n"
        "[handler.slow]\ntype = \"sql\"\nstatement = \"select pg_sleep(60)\"\n"
        "autonomous = true\ntimeout = \"500ms\"\n"
        "[handler.curious]\ntype = \"sql\"\nautonomous = true\nstatement = \"select "
        "json_build_object('id', coalesce(current_setting('schedctl.job_id', true), 'none'))\"\n");
    auto& host = island.host;
    const auto slow = host.enqueue("slow"), curious = host.enqueue("curious");

    host.process();

    CHECK(host.attempts(slow) == "timeout/timeout");
    CHECK(host.count("job_executions where error_message like '%57014%'") == 1);  // not cut off
    CHECK(host.attempts(curious) == "completed");
    CHECK(host.database.value("select result ->> 'id' from job_executions where job_queue_id = $1",
                              {curious}) == "none");
  }
}
