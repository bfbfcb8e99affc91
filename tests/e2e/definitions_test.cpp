// Definitions from the file to the execution row, with the real binary and the database's clock.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "support/host.h"

using namespace schedctl;
using test::Host;

namespace {

std::string definition(const std::string& name, const std::string& keys) {
  return fmt::format("\n[job.{}]\ntimezone = \"UTC\"\n{}\n", name, keys);
}

// As if the host had not been there for so long.
void make_due(Host& host, const std::string& ago) {
  host.database.query(
      "update job_definitions set next_run_at = date_trunc('hour', now() - $1::interval)", {ago});
}

int executions(Host& host, const std::string& name, const std::string& status) {
  return host.count(
      "executions e join job_definitions d on d.id = e.job_definition_id where d.name = '" + name +
      "' and e.status = '" + status + "'");
}

}  // namespace

TEST_SUITE("e2e::definitions [db]") {
  TEST_CASE("a definition of the file is planned and run, and its command learns its slot") {
    Host host;
    host.handler("note", "echo $SCHEDCTL_SLOT >> slots");
    host.configure(definition("n", "handler = \"note\"\nevery = \"1h\""));
    host.tick();
    CHECK(host.count("job_queue") == 0);
    CHECK(host.count("job_definitions where next_run_at > now() and is_active") == 1);

    make_due(host, "3 hours");
    host.tick();

    CHECK(host.lines("slots") == 1);
    CHECK(host.read("slots") ==
          host.database.value(
              "select to_char(last_slot at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
              "from job_definitions") +
              "\n");
    CHECK(executions(host, "n", "completed") == 1);
    CHECK(executions(host, "n", "skipped") == 1);
    CHECK(host.database.value(
              "select metadata ->> 'count' from executions where status = 'skipped'") == "3");
    host.tick();
    CHECK(host.lines("slots") == 1);
  }

  TEST_CASE("twenty runs at once over thirty due definitions make thirty jobs and say nothing") {
    Host host;
    for (int i = 0; i < 30; ++i)
      host.configure(definition(fmt::format("d{}", i), "handler = \"noop\"\ncron = \"0 * * * *\""));
    host.tick();
    make_due(host, "0 hours");

    std::vector<test::Process> runs;
    for (int i = 0; i < 20; ++i)
      runs.push_back(
          host.start_process({"--lock-file", host.folder / fmt::format("lock-{}/lock", i)}));
    for (auto& run : runs) {
      const auto end = run.wait();
      CHECK(end.exit_code == 0);
      CHECK(end.err == "");
    }
    host.tick();

    CHECK(host.count("jobs") == 30);
    CHECK(host.count("job_executions where status = 'completed' and slot is not null") == 30);
    CHECK(host.count("(select distinct definition_id, slot from jobs) as slots") == 30);
  }

  TEST_CASE("a run that is killed while it plans leaves nothing half planned") {
    Host host(definition("d", "handler = \"noop\"\ncron = \"0 * * * *\""));
    host.tick();
    make_due(host, "5 hours");
    auto connection = host.database.connect();
    {
      // The jobs are made, their gaps cannot be recorded yet.
      db::Transaction tx(connection);
      tx.exec_text("lock table job_executions in exclusive mode");
      auto run = host.start_process();
      host.await(
          "pg_locks l join pg_class c on c.oid = l.relation where not l.granted and c.relname = "
          "'job_executions' "
          "and c.relnamespace = current_schema()::regnamespace",
          1);
      run.kill(SIGKILL);
      run.wait();
    }
    CHECK(host.count("jobs") == 0);

    test::wait_until([&] { return host.tick(), host.count("jobs") > 0; },
                     "the killed session to be over");

    CHECK(executions(host, "d", "completed") == 1);
    CHECK(host.database.value(
              "select metadata ->> 'count' from executions where status = 'skipped'") == "5");
  }

  TEST_CASE("a run that lingers plans a slot and runs its job the moment it falls due") {
    Host host(definition("d", "handler = \"noop\"\nevery = \"1s\"\noverlap = \"allow\""));
    host.tick({"--linger", "4s", "--max-runtime", "4s"});

    CHECK(executions(host, "d", "completed") >= 3);
    CHECK(executions(host, "d", "skipped") == 0);
    CHECK(host.database.value(
              "select max(started_at - slot) < interval '500 ms' from job_executions") == "t");
  }

  TEST_CASE(
      "while everything is paused nothing is planned; what fell into the pause is one skipped "
      "execution") {
    Host host(definition("d", "handler = \"noop\"\ncron = \"0 * * * *\""));
    host.tick();
    host.database.query("select pause()");
    host.database.query(
        "update settings set value = jsonb_set(value::jsonb, '{since}', to_jsonb(now() - interval "
        "'3 hours')) "
        "where key = 'paused'");
    make_due(host, "2 hours");
    host.tick();
    CHECK(host.count("jobs") == 0);
    CHECK(host.count("job_definitions where last_slot is not null") == 0);

    host.database.query("select resume()");
    host.tick();

    CHECK(host.count("jobs") == 0);
    CHECK(host.database.value("select concat(error_class, metadata ->> 'count') from executions") ==
          "paused3");
    CHECK(host.count("job_definitions where paused_since is null and next_run_at > now()") == 1);
  }

  TEST_CASE("a definition that cannot be used costs one line, and the others run") {
    Host host(definition("good", "handler = \"noop\"\ncron = \"0 * * * *\"") +
              "\n[job.bad]\nhandler = \"noop\"\ncron = \"0 * * * *\"\ntimezone = \"Moon/Tycho\"\n");
    const auto first = host.process();
    CHECK(first.exit_code == 0);
    CHECK(first.err.find("warn a definition is left out definition=bad") != std::string::npos);
    CHECK(std::count(first.err.begin(), first.err.end(), '\n') == 1);

    make_due(host, "0 hours");
    host.tick();  // says nothing more until the file is changed, or an hour has passed

    CHECK(executions(host, "good", "completed") == 1);
  }

  TEST_CASE("a dry run shows what would be planned, and plans nothing") {
    Host host(definition("d", "handler = \"noop\"\ncron = \"0 * * * *\"\nfirst_run = \"now\""));
    const auto shown = host.process({"--dry-run"});
    CHECK(shown.out.find("(priority 5, due since 20") != std::string::npos);
    CHECK(host.count("job_definitions") == 0);

    host.tick();
    CHECK(executions(host, "d", "completed") == 1);
    make_due(host, "0 hours");
    CHECK(host.process({"--dry-run"}).out.find("would run job") == 0);
    CHECK(host.count("job_queue") == 0);
  }

  TEST_CASE("a dependant starts in the run in which its dependency was completed") {
    Host host;
    host.handler("first", "echo first >> order");
    host.handler("then", "echo then >> order");
    host.configure(
        definition("a", "handler = \"first\"\ncron = \"0 * * * *\"\n") +
        definition("b", "handler = \"then\"\ncron = \"0 * * * *\"\ndepends_on = [\"a\"]"));
    host.tick();
    make_due(host, "0 hours");
    host.tick();

    CHECK(host.read("order") == "first\nthen\n");
  }

  TEST_CASE("a run that outlasts many slots stays the only one; each slot that comes is recorded") {
    Host host;
    host.handler(
        "long",
        "echo start >> journal; while [ ! -e stop ]; do sleep 0.1; done; echo end >> journal");
    host.configure(definition("d", "handler = \"long\"\nevery = \"1s\""));
    host.tick();
    auto run = host.start_process({"--linger", "10s", "--max-runtime", "10s"});
    host.await("job_executions where error_class = 'overlap'", 3);
    host.folder.write("stop", "");
    host.await("job_executions where status = 'completed'", 2);
    run.kill(SIGTERM);
    run.wait();

    CHECK(host.read("journal").starts_with("start\nend\nstart\nend\n"));
    CHECK(
        host.database.value(
            "select count(distinct slot) = count(*) from job_executions where slot is not null") ==
        "t");
  }

  TEST_CASE("overlap cancel: the next slot ends the run before and starts when that is gone") {
    Host host;
    host.handler("first", "echo start $$ >> journal; while [ ! -e stop ]; do sleep 0.1; done");
    host.configure(definition("d", "handler = \"first\"\nevery = \"3s\"\noverlap = \"cancel\""));
    host.tick();
    host.await("job_definitions where due_at <= now()", 1);
    auto run = host.start_process();
    const auto old = host.await_line("journal");
    test::wait_until([&] { return host.lines("journal") >= 2; }, "the next run");

    CHECK_FALSE(test::alive(std::stoi(old.substr(6))));
    host.folder.write("stop", "");
    CHECK(run.wait().exit_code == 0);
    CHECK(host.database
              .value("select string_agg(status, ' ' order by id) from job_executions where "
                     "job_queue_id is not null")
              .starts_with("cancelled "));
    CHECK(host.count("job_executions where status = 'completed'") == 1);
    CHECK(host.database.value("select distinct cancel_reason from job_queue") ==
          "overlap: the next slot has come");
  }

  TEST_CASE(
      "a definition that changes or goes while its job waits or runs costs neither job nor "
      "history") {
    Host host;
    host.handler("long", "echo start >> journal; while [ ! -e stop ]; do sleep 0.1; done");
    const auto only = [&](const std::string& toml) {
      host.replace_config(host.database.toml() + toml);
    };
    const std::string handler = "[handler.long]\ntype = \"command\"\nargv = [\"sh\", \"" +
                                (host.folder / "long.sh") + "\"]\ncwd = \".\"\n";
    only(handler + definition("d", "handler = \"long\"\ncron = \"0 * * * *\""));
    host.tick();
    make_due(host, "0 hours");
    auto run = host.start_process();
    host.await_line("journal");
    host.database.query("select run_definition('d')");  // waits for the one that runs

    only(handler);
    CHECK(host.start_process({"--lock-file", host.folder / "other/lock", "--max-runtime", "1s"})
              .wait()
              .exit_code == 0);
    CHECK(host.count("definitions where state = 'retired' and next_run_at is null") == 1);
    host.database.query("delete from job_definitions");  // nobody should, but somebody will
    host.folder.write("stop", "");
    CHECK(run.wait().exit_code == 0);
    host.tick();

    CHECK(host.count("job_queue") == 0);
    CHECK(host.count("executions where status = 'completed' and job_definition_id is not null") ==
          2);
  }

  TEST_CASE("hosts whose clocks are minutes off plan by the database's clock alone") {
    Host host(definition(
        "d", "handler = \"noop\"\nevery = \"1s\"\noverlap = \"allow\"\nmisfire = \"all\""));
    host.tick();
    const auto run = [&](const std::string& offset, const std::string& name) {
      const auto end = host.shell(
          "faketime -f " + offset + " $S process --lock-file " + (host.folder / name) + "/lock",
          {"SCHEDCTL_HOST=" + name});
      CHECK(end.exit_code == 0);
      CHECK(end.err == "");
    };
    for (int round = 1; round <= 3; ++round) {
      host.await("job_definitions where due_at <= now()", 1);
      run("+10m", "early");
      host.await("job_definitions where due_at <= now()", 1);
      run("-10m", "late");
    }

    CHECK(host.count("jobs") >= 6);
    CHECK(host.count("jobs where slot > now() or slot > created_at") == 0);
    CHECK(host.database.value(
              "select extract(epoch from max(slot) - min(slot)) + 1 = count(distinct slot) and "
              "count(distinct slot) = count(*) from jobs") == "t");
    CHECK(host.count("job_executions where status <> 'completed'") == 0);
  }
}
