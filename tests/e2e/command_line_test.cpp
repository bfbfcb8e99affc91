// Wrong command lines, and readers of the output that go away.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Words = std::vector<std::string>;

const std::vector<Words> commands = {
    {"process"},       {"cleanup-stuck"},   {"status"},         {"test"},
    {"migrate"},       {"enqueue", "noop"}, {"job", "show"},    {"job", "retry"},
    {"job", "cancel"}, {"history"},         {"logs"},           {"pause"},
    {"resume"},        {"validate"},        {"config", "show"}, {"next", "x"},
    {"setup-cron"}};

// Command lines that miss something or hold what cannot be.
const std::vector<Words> wrong_values = {
    {"process", "--limit"},
    {"process", "--limit", "-1"},
    {"process", "--limit", "0"},
    {"process", "--limit", "1000000000000000000000000000000"},
    {"process", "--limit", "1e3"},
    {"process", "--limit", "5 "},
    {"process", "--limit", "0x10"},
    {"process", "--limit", "010"},
    {"process", "--limit", "five"},
    {"process", "--limit", "1", "--limit", "2"},
    {"process", "--concurrency", "0"},
    {"process", "--concurrency", "-1"},
    {"process", "--concurrency", "1000000000000000000000000000000"},
    {"process", "--max-runtime", "5 parsecs"},
    {"process", "--max-runtime", "-1s"},
    {"process", "--linger", "99999999999999999999s"},
    {"process", "--lock-file"},
    {"process", "--type"},
    {"process", "--type", "nope"},
    {"process", "stray"},
    {"cleanup-stuck", "--older-than"},
    {"cleanup-stuck", "--older-than", "yesterday"},
    {"cleanup-stuck", "--older-than", "1s", "--older-than", "2s"},
    {"history", "--limit", "-1"},
    {"history", "--limit", "1000000000000000000000000000000"},
    {"history", "--limit", "1", "--limit", "2"},
    {"history", "--job", "x"},
    {"history", "--status", "odd"},
    {"logs", "--limit", "0"},
    {"logs", "--level", "loud"},
    {"logs", "--stream", "river"},
    {"logs", "1000000000000000000000000000000"},
    {"job", "show"},
    {"job", "show", "x"},
    {"job", "cancel"},
    {"job", "cancel", "1000000000000000000000000000000"},
    {"job"},
    {"config"},
    {"enqueue"},
    {"enqueue", "noop", "--priority", "1000000000000000000000000000000"},
    {"enqueue", "noop", "--max-attempts", "1000000000000000000000000000000"},
    {"enqueue", "noop", "--in", "1s", "--in", "2s"},
    {"enqueue", "noop", "--group", "a", "--group", "b"},
    {"enqueue", "noop", "noop"},
    {"next"},
    {"next", "x", "y"},
    {"next", "x", "--count", "0"},
    {"next", "x", "--count", "1e3"},
    {"next", "x", "--cron", "@daily"},
    {"next", "--cron", "@daily", "--from", "yesterday"},
    {"next", "--cron", "@daily", "--to", "2020-01-01"},
    {"status", "--log-level"},
    {"status", "--log-level", "shout"},
    {"status", "--config"},
    {"migrate", "--print", "--status"},
};

std::string contents(Host& host) {
  std::string all;
  for (const char* table :
       {"job_queue", "job_executions", "workers", "hosts", "audit_log", "settings"})
    all += host.database.value(
        fmt::format("select coalesce(json_agg(t order by t::text)::text, '') from {} t", table));
  return all;
}

// Of the given text, the words joined.
std::string joined(const Words& words) { return fmt::format("{}", fmt::join(words, " ")); }

void check_usage_error(Host& host, const Words& arguments) {
  const auto end = host.run(arguments);
  CAPTURE(joined(arguments));
  check_refused(end, 64, "");
  CHECK(end.err.size() < 400);
}

// Much to print, and of each kind.
void fill(Host& host) {
  host.database.query(
      "insert into job_executions (id, job_queue_id, job_type, status, started_at, finished_at, "
      "attempt, error_class, error_message, payload, job_created_at, job_scheduled_for) "
      "select nextval('execution_ids'), 1000000 + i, 'type' || i, 'failed', now(), now(), 1, "
      "'exit', repeat('e', 200), '{}', now(), now() from generate_series(1, 3000) i");
  host.database.query(
      "insert into job_logs (job_execution_id, timestamp, level, stream, message) "
      "select 1, now(), 'info', 'stdout', repeat('m', 200) from generate_series(1, 3000)");
  host.database.query(
      "insert into job_queue (id, job_type, status, attempts) select 2000000 + i, 'dead' || i, "
      "'failed', 1 from generate_series(1, 300) i");
  std::string many;
  for (int i = 0; i < 500; ++i) many += fmt::format("[handler.h{}]\ntype = \"noop\"\n", i);
  host.configure(many);
  host.enqueue_many("noop", 300);
}

// Everything that prints, with enough that no pipe holds it.
std::vector<Words> printing(const Words& dead) {
  Words retry{"job", "retry"}, cancel{"job", "cancel"};
  for (const auto& id : dead) retry.push_back(id), cancel.push_back(id);
  return {{"status"},
          {"status", "--json"},
          {"history", "--limit", "3000"},
          {"history", "--limit", "3000", "--json"},
          {"logs", "--limit", "3000"},
          {"logs", "--limit", "3000", "--json"},
          {"job", "show", dead[0]},
          {"config", "show", "--origin"},
          {"validate"},
          {"next", "--cron", "@hourly", "--count", "3000"},
          {"test"},
          {"migrate", "--print"},
          {"migrate", "--status"},
          {"process", "--dry-run"},
          {"process", "--dry-run", "--json"},
          {"cleanup-stuck"},
          {"enqueue", "noop"},
          {"pause"},
          {"resume"},
          retry,
          cancel,
          {"--help"},
          {"process", "--help"},
          {"--version"}};
}

}  // namespace

TEST_SUITE("e2e::command_line [db]") {
  TEST_CASE("a flag that does not exist is one line with a hint, and nothing is touched") {
    Host host;
    host.enqueue("noop");
    const auto before = contents(host);

    for (auto command : commands) {
      command.push_back("--bogus");
      check_usage_error(host, command);
      CHECK(host.run(command).err.find("--help") != std::string::npos);
    }

    CHECK(contents(host) == before);
  }

  TEST_CASE(
      "a value that is missing, given twice or cannot be is refused, and nothing is touched") {
    Host host;
    host.enqueue("noop");
    const auto before = contents(host);

    for (const auto& arguments : wrong_values) check_usage_error(host, arguments);

    CHECK(contents(host) == before);
  }

  TEST_CASE("no command, an unknown one and odd words are refused with what would be right") {
    Host host;
    check_refused(host.run({}), 64, "no command given");
    check_refused(host.run({"statsu"}), 64, "did you mean \"status\"?");
    check_refused(host.run({"frobnicate"}), 64, "--help");
    check_refused(host.run({""}), 64, "--help");
    check_refused(host.run({"--"}), 64, "--help");
    check_refused(host.run({"a\x1b[31m\nb"}), 64, "a\\x1b[31m\\nb");
    check_refused(host.run({std::string(100'000, 'x')}), 64, "--help");
    check_refused(host.run({"status", "status"}), 64, "--help");
    check_refused(host.run({"status", "history"}), 64, "--help");
  }

  TEST_CASE("a file that is called like a command is a file all the same") {
    Host host;
    const auto config = host.read("schedctl.toml");
    for (const std::string name : {"job", "status", "test"}) {
      const auto file = host.folder.write(name, config);
      ProcessOptions options;
      options.env = host.env;
      options.cwd = host.folder.path();
      const auto end = run({binary(), "--config", name, "status"}, options);
      CAPTURE(end.err);
      CHECK(end.exit_code == 0);
      CHECK(
          run({binary(), "--log-level", "info", "--config", name, "history"}, options).exit_code ==
          0);
    }
  }

  TEST_CASE("a reader that has gone away makes no command fail, and none does half its work") {
    Host host;
    fill(host);
    Words dead;
    for (int i = 1; i <= 300; ++i) dead.push_back(std::to_string(2000000 + i));

    for (const auto& arguments : printing(dead)) {
      CAPTURE(arguments[0]);
      // The reader is gone before the first byte is written.
      const auto end =
          host.shell("exec 3> >(exec true); wait $!; exec \"$S\" " + joined(arguments) + " >&3");
      CAPTURE(end.err);
      CHECK(end.signal == 0);
      CHECK((end.exit_code == 0 || (arguments[0] == "job" && end.exit_code == 1)));
      CHECK(end.err == "");
    }

    CHECK(host.count("job_queue where job_type like 'dead%' and status = 'cancelled'") == 300);
    CHECK(host.count("job_queue where job_type = 'noop'") == 301);
  }

  TEST_CASE("head takes what it wants of a long output") {
    Host host;
    fill(host);
    for (const std::string arguments :
         {"history --limit 3000", "logs --limit 3000", "config show"}) {
      const auto end = host.shell("set -o pipefail; \"$S\" " + arguments + " | head -1");
      CAPTURE(arguments);
      CHECK(end.exit_code == 0);
      CHECK(end.err == "");
      CHECK(!end.out.empty());
    }
  }

  TEST_CASE("an output that is closed or full is told by every command that has something to say") {
    Host host;
    fill(host);
    for (const auto& [where, dead] :
         {std::pair(">&-", "2000001"), std::pair(">/dev/full", "2000002")})
      for (const auto& arguments : printing({dead})) {
        CAPTURE(joined(arguments));
        CAPTURE(where);
        const auto end = host.shell("exec \"$S\" " + joined(arguments) + " " + where);
        check_refused(end, 73, "standard output");
      }
  }

  TEST_CASE("a run whose log nobody reads any more does all its work") {
    Host host;
    host.handler("talks", "echo hello; echo oops >&2");
    host.env.push_back("SCHEDULER_ENABLE_CONSOLE=true");
    host.env.push_back("SCHEDULER_LOG_LEVEL=debug");
    host.enqueue_many("talks", 20);
    host.enqueue_many("noop", 500);

    const auto end = host.shell("exec 3> >(exec true); wait $!; exec \"$S\" process >&3 2>&3");

    CHECK(end.exit_code == 0);
    CHECK(host.count("job_executions where status = 'completed'") == 520);
    CHECK(host.count("workers") == 0);
  }
}
