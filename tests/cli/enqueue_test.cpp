#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/database.h"
#include "support/process.h"

using namespace schedctl;

namespace {

struct Installation {
  test::Database database;
  test::TempDir folder;
  std::string config = folder.write(
      "schedctl.toml",
      database.toml() + "\n[handler.send-email]\ntype = \"command\"\nargv = [\"true\"]\n");

  test::ProcessResult enqueue(const std::vector<std::string>& arguments,
                              const test::ProcessOptions& options = {}) {
    std::vector<std::string> argv{test::binary(), "--config", config, "enqueue"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return test::run(argv, options);
  }
  std::string jobs() { return database.value("select count(*) from job_queue"); }
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Refused as bad data, in one line that holds `part`, and without a job.
void check_refused(Installation& here, const std::vector<std::string>& arguments,
                   const std::string& part, const test::ProcessOptions& options = {}) {
  const auto result = here.enqueue(arguments, options);
  CAPTURE(arguments.back().substr(0, 100));
  CAPTURE(result.err);
  CHECK(result.exit_code == 65);
  CHECK(result.out == "");
  CHECK(holds(result.err, part));
  CHECK(result.err.find('\n') == result.err.size() - 1);
  CHECK(result.err.size() < 500);
}

}  // namespace

TEST_SUITE("cli::enqueue [db]") {
  TEST_CASE("enqueue prints the id of the job that it stored, and nothing else") {
    Installation here;

    const auto plain = here.enqueue({"send-email", "--payload", "{\"to\": \"a@example.org\"}"});
    const auto json = here.enqueue({"noop", "--json"});

    CHECK(plain.exit_code == 0);
    CHECK(plain.err == "");
    CHECK(plain.out ==
          here.database.value(
              "select id from job_queue where job_type = 'send-email' and payload::text = "
              "'{\"to\": \"a@example.org\"}'") +
              "\n");
    CHECK(json.out ==
          "{\"id\":" + here.database.value("select id from job_queue where job_type = 'noop'") +
              ",\"inserted\":true}\n");
  }

  TEST_CASE("a second job with the same unique key is not stored, and says so") {
    Installation here;

    const auto first = here.enqueue({"noop", "--unique", "k"});
    const auto second = here.enqueue({"noop", "--unique", "k"});
    const auto json = here.enqueue({"noop", "--unique", "k", "--json"});

    CHECK(first.exit_code == 0);
    CHECK(second.exit_code == 0);
    CHECK(second.out == first.out);
    CHECK(json.out ==
          "{\"id\":" + here.database.value("select id from job_queue") + ",\"inserted\":false}\n");
  }

  TEST_CASE("every option reaches the job") {
    Installation here;

    const auto result =
        here.enqueue({"noop", "--in", "5m", "--priority", "9", "--group", "g", "--unique", "u",
                      "--max-attempts", "4", "--expires", "1h", "--timeout", "90s"});

    CHECK(result.exit_code == 0);
    CHECK(here.database.value(
              "select concat_ws('|', scheduled_for - created_at, priority, group_key, unique_key, "
              "max_attempts, expires_at - scheduled_for, timeout_ms) from job_queue") ==
          "00:05:00|9|g|u|4|01:00:00|90000");
  }

  TEST_CASE("times are read with their offset, else in this machine's zone") {
    Installation here;
    const test::ProcessOptions berlin{.env = {"TZ=Europe/Berlin"}};
    const auto due = [&](const std::string& at) {
      const auto result = here.enqueue({"noop", "--at", at}, berlin);
      CAPTURE(result.err);
      CHECK(result.exit_code == 0);
      return here.database.value(
          "select to_char(scheduled_for at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') from "
          "job_queue order by id desc limit 1");
    };

    CHECK(due("2027-01-01T09:00:00Z") == "2027-01-01 09:00:00");
    CHECK(due("2027-01-01T09:00:00-02:30") == "2027-01-01 11:30:00");
    CHECK(due("2027-01-01 09:00") == "2027-01-01 08:00:00");
    CHECK(due("2027-07-01 09:00:30") == "2027-07-01 07:00:30");
    CHECK(due("2027-10-31 02:30") == "2027-10-31 00:30:00");  // twice that night: the first
    check_refused(here, {"noop", "--at", "2027-03-28 02:30"}, "skip this time", berlin);
    check_refused(here, {"noop", "--at", "2027-02-29 02:30"}, "no such date");
    check_refused(here, {"noop", "--at", "tomorrow"}, "--at \"tomorrow\"");
    check_refused(here, {"noop", "--in", "5 parsecs"}, "--in");
    check_refused(here, {"noop", "--expires", "2020-01-01T00:00:00Z"},
                  "is not after scheduled_for");
  }

  TEST_CASE("a job type that has no handler here needs --force") {
    Installation here;

    check_refused(here, {"send-emial"}, "did you mean \"send-email\"?");
    check_refused(here, {"elsewhere"}, "--force");
    CHECK(here.jobs() == "0");
    CHECK(here.enqueue({"elsewhere", "--force"}).exit_code == 0);
    CHECK(here.jobs() == "1");
  }

  TEST_CASE("a payload comes from the argument, a file or standard input, byte for byte") {
    Installation here;
    const std::string payload =
        "{ \"n\":123456789012345678901234567890,\n\"n\": \"\xF0\x9F\x98\x80 \xE2\x80\xAE $(id) "
        "`id` ; '\" }\n";
    const auto file = here.folder.write("payload.json", payload);

    CHECK(here.enqueue({"noop", "--payload", payload}).exit_code == 0);
    CHECK(here.enqueue({"noop", "--payload", "@" + file}).exit_code == 0);
    CHECK(here.enqueue({"noop", "--payload", "-"}, {.stdin_text = payload}).exit_code == 0);

    CHECK(here.database.value("select count(*) from job_queue where payload::text = $1",
                              {payload}) == "3");
  }

  TEST_CASE("a payload that no handler could use is refused with its place") {
    Installation here;

    check_refused(here, {"noop", "--payload", ""}, "payload is empty");
    check_refused(here, {"noop", "--payload", "[1]"}, "is no object");
    check_refused(here, {"noop", "--payload", "{\"a\":1,\n \"b\" 2}"}, "line 2, column 6");
    check_refused(here, {"noop", "--payload", "{\"a\":NaN}"}, "line 1, column 6");
    check_refused(here, {"noop", "--payload", "{\"a\":\"\xff\"}"}, "no UTF-8");
    check_refused(here, {"noop", "--payload", "-"}, "no UTF-8",
                  {.stdin_text = std::string("{\"a\":\"\0\"}", 9)});
    check_refused(here, {"noop", "--payload", "{\"a\":\"\\ud800\"}"}, "surrogate");
    check_refused(here, {"noop", "--payload", "{\"a\":\"\\u0000\"}"},
                  "\\u0000 cannot be converted to text");
    check_refused(here, {"noop", "--payload", "{\"a\":1e400000}"}, "overflow");
    check_refused(here, {"noop", "--payload", "{}" + std::string(10'000, 'x')}, "line 1, column 3");
    check_refused(
        here, {"noop", "--payload", "-"}, "nested more than 500 levels",
        {.stdin_text = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}"});
    check_refused(here, {"noop", "--payload", "@/nonexistent"}, "/nonexistent");
    check_refused(here, {"noop", "--payload", "@/tmp"}, "/tmp: cannot read the payload");
    CHECK(here.jobs() == "0");
  }

  TEST_CASE("a megabyte is stored, and more than the limit is refused without reading all of it") {
    Installation here;
    const std::string megabyte = "{\"a\":\"" + std::string(1'000'000, 'x') + "\"}";

    CHECK(here.enqueue({"noop", "--payload", "-"}, {.stdin_text = megabyte}).exit_code == 0);
    CHECK(here.database.value("select octet_length(payload::text) from job_queue") == "1000008");

    here.database.query("update settings set value = '2000000' where key = 'payload_limit'");
    check_refused(here, {"noop", "--payload", "@/dev/zero"}, "at most 2000000 bytes");
    CHECK(here.jobs() == "1");
  }

  TEST_CASE("what the database refuses comes out as one line") {
    Installation here;

    check_refused(here, {"noop", "--priority", "101"}, "priority 101: use 0 (last) to 100 (first)");
    check_refused(here, {"noop", "--max-attempts", "0"}, "max_attempts 0");
    check_refused(here, {"noop", "--timeout", "0s"}, "timeout_ms 0");
    check_refused(here, {"noop", "--group", ""}, "group_key is empty");
    check_refused(here, {"noop", "--unique", std::string(501, 'u')}, "unique_key");
    check_refused(here, {"a\nb", "--force"}, "control characters");
    check_refused(here, {"\xff", "--force"}, "no UTF-8");
    CHECK(here.jobs() == "0");
  }

  TEST_CASE("a wrong command line touches nothing and exits 64") {
    Installation here;
    const std::vector<std::vector<std::string>> wrong = {
        {},
        {"noop", "--priority", "high"},
        {"noop", "--priority", "1e30"},
        {"noop", "--bogus"},
        {"noop", "--payload"},
        {"noop", "--priority", "1", "--priority", "2"},
        {"noop", "--in", "5m", "--at", "2027-01-01T00:00:00Z"}};

    for (const auto& arguments : wrong) {
      const auto result = here.enqueue(arguments);
      CAPTURE(result.err);
      CHECK(result.exit_code == 64);
      CHECK(result.out == "");
    }
    CHECK(here.jobs() == "0");
  }

  TEST_CASE(
      "a connection that ends during each COMMIT leaves nothing, which is found out and said") {
    Installation here;
    // A deferred trigger runs inside COMMIT; there it cuts the session's own connection.
    here.database.query(
        "create function cut() returns trigger language plpgsql as "
        "$$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(60); return "
        "null; end $$");
    here.database.query(
        "create constraint trigger cut after insert on job_queue deferrable initially deferred "
        "for each row execute function cut()");

    const auto result = here.enqueue({"noop"});

    CHECK(result.exit_code == 75);
    CHECK(result.out == "");
    CHECK(holds(result.err, "the connection was lost during COMMIT, again and again"));
    CHECK(holds(result.err, "the job is not stored"));
    CHECK(here.jobs() == "0");
  }

  TEST_CASE("with a unique key a lost COMMIT is tried once more") {
    Installation here;
    here.database.query("create sequence cuts");
    here.database.query(
        "create function cut() returns trigger language plpgsql as $$ begin if nextval('cuts') = 1 "
        "then "
        "perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(60); end if; return "
        "null; end $$");
    here.database.query(
        "create constraint trigger cut after insert on job_queue deferrable initially deferred "
        "for each row execute function cut()");

    const auto result = here.enqueue({"noop", "--unique", "k", "--json"});

    CHECK(result.exit_code == 0);
    CHECK(result.out ==
          "{\"id\":" + here.database.value("select id from job_queue") + ",\"inserted\":true}\n");
    CHECK(here.jobs() == "1");
  }
}
