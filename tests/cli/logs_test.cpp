#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "cli/installation.h"

using namespace schedctl;
using test::Installation;

TEST_SUITE("cli::logs [db]") {
  TEST_CASE("log lines come oldest first, the last of them, through every filter") {
    Installation installation;
    installation.database.query(
        "insert into job_executions (id, job_queue_id, job_type, status, finished_at, attempt) "
        "values (1, 42, 'mail', 'failed', now(), 1), (2, 42, 'mail', 'failed', now(), 2), (3, 43, "
        "'x', 'lost', now(), 1)");
    installation.database.query(
        "insert into job_logs (job_execution_id, timestamp, level, stream, message) values "
        "(1, now(), 'info', 'stdout', 'a'), (3, now(), 'error', 'stderr', 'b'), (2, now(), 'warn', "
        "'schedctl', 'c')");
    const auto messages = [&](std::vector<std::string> filters) {
      filters.insert(filters.begin(), {"logs", "--json"});
      std::string all;
      const auto parsed = nlohmann::json::parse(installation.schedctl(filters).out);
      for (const auto& line : parsed["logs"]) all += line["message"].get<std::string>();
      return all;
    };

    CHECK(messages({}) == "abc");
    CHECK(messages({"--limit", "2"}) == "bc");
    CHECK(messages({"--job", "42"}) == "ac");
    CHECK(messages({"42"}) == "ac");
    CHECK(messages({"--execution", "3"}) == "b");
    CHECK(messages({"--job", "42", "--execution", "3"}) == "");
    CHECK(messages({"--level", "warn"}) == "bc");
    CHECK(messages({"--stream", "stdout"}) == "a");
    CHECK(messages({"--job", "42", "--limit", "1"}) == "c");
  }

  TEST_CASE("people get one safe line each, in full, or are told that there is nothing") {
    Installation installation;
    CHECK(installation.schedctl({"logs"}).out == "no log lines\n");

    installation.database.query(
        "insert into job_logs (job_execution_id, timestamp, level, stream, message, data) values "
        "(1, '2026-11-22 06:12:00Z', 'info', 'stdout', $1, '{\"k\": 1}')",
        {"two\nlines\x1b[2J " + std::string(200, 'x')});
    CHECK(installation.schedctl({"logs"}).out ==
          "2026-11-22 06:12:00+00:00 info  execution=1 stdout: two\\nlines\\x1b[2J " +
              std::string(200, 'x') + " {\"k\": 1}\n");
  }

  TEST_CASE("what cannot be right is refused with what would be") {
    Installation installation;
    const auto refused = [&](std::vector<std::string> arguments, const std::string& hint) {
      arguments.insert(arguments.begin(), "logs");
      const auto result = installation.schedctl(arguments);
      CHECK(result.exit_code == 64);
      CHECK_MESSAGE(result.err.find(hint) != std::string::npos, result.err);
    };

    refused({"--level", "loud"}, "debug, info, warn, error");
    refused({"--stream", "x"}, "stdout, stderr, schedctl");
    refused({"--limit", "-1"}, "use a number from 1 to 1000000");
    refused({"nobody"}, "use a number");
  }
}
