#include <doctest/doctest.h>

#include <string>

#include "support/config_folder.h"

namespace schedctl {
namespace {

using namespace std::chrono_literals;

const std::string command = "[handler.a]\ntype = \"command\"\nargv = [\"x\"]\n";
const std::string sql = "[handler.a]\ntype = \"sql\"\nstatement = \"SELECT 1\"\n";

struct Bad {
  std::string text;
  std::string message;  // how the error begins
};

const Bad bad_handlers[] = {
    {"handler = 1\n", "schedctl.toml:1: handler: 1 is no table: write [handler]"},
    {"[handler]\nx = 1\n", "schedctl.toml:2: handler.x: 1 is no table: write [handler.x]"},
    {"\n[handler.a]\n", "schedctl.toml:2: handler.a.type: is missing: write type = "},
    {"[handler.a]\ntype = \"comand\"\n",
     "schedctl.toml:2: handler.a.type: \"comand\" is unknown: did you mean \"command\"?"},
    {"[handler.a]\ntype = \"http\"\n",
     "schedctl.toml:2: handler.a.type: \"http\" is unknown: use one of noop, command, sql"},
    {"[handler.a]\ntype = 1\n", "schedctl.toml:2: handler.a.type: 1 has the wrong type"},
    {"\n[handler.noop]\ntype = \"noop\"\n",
     "schedctl.toml:2: handler.noop: the job type noop is built"},
    {"[handler.\"\"]\ntype = \"noop\"\n", "schedctl.toml:1: handler: \"\" is blank"},
    {"[handler.\" \"]\ntype = \"noop\"\n", "schedctl.toml:1: handler: \" \" is blank"},
    {"[handler.\"a\\tb\"]\ntype = \"noop\"\n", "schedctl.toml:1: handler: \"a\\tb\" holds control"},
    {"[handler.\"a\\u0000b\"]\ntype = \"noop\"\n",
     "schedctl.toml:1: handler: \"a\\u0000b\" holds a NUL"},
    {"[handler.\"" + std::string(201, 'n') + "\"]\ntype = \"noop\"\n",
     "schedctl.toml:1: handler: \"nnn"},
    {"[handler.\"a b\"]\n", "schedctl.toml:1: handler.\"a b\".type: is missing"},
    // A command.
    {"[handler.a]\ntype = \"command\"\n",
     "schedctl.toml:1: handler.a.argv: is missing: write e.g. argv = [\"/usr/bin/true\"]"},
    {"[handler.a]\ntype = \"command\"\nargv = []\n",
     "schedctl.toml:3: handler.a.argv: names no program"},
    {"[handler.a]\ntype = \"command\"\nargv = [\"\"]\n",
     "schedctl.toml:3: handler.a.argv: names no program"},
    {"[handler.a]\ntype = \"command\"\nargv = \"ls -l\"\n",
     "schedctl.toml:3: handler.a.argv: \"ls -l\" has the wrong type: write a list of strings"},
    {"[handler.a]\ntype = \"command\"\nargv = [\"x\",\n 5]\n",
     "schedctl.toml:4: handler.a.argv: 5 has the wrong type"},
    {"[handler.a]\ntype = \"command\"\nargv = [\"x\",\n\"{payload.}\"]\n",
     "schedctl.toml:4: handler.a.argv: \"{payload.}\": {payload.} is no placeholder: write "
     "{payload.NAME}"},
    {"[handler.a]\ntype = \"command\"\nargv = [\"x\", \"{payloads.foo}\"]\n",
     "schedctl.toml:3: handler.a.argv: \"{payloads.foo}\": {payloads.foo} is no placeholder"},
    {"[handler.a]\ntype = \"command\"\nargv = [\"{payload.x}\"]\n",
     "schedctl.toml:3: handler.a.argv: \"{payload.x}\": a payload must not choose the program"},
    {"[handler.a]\ntype = \"command\"\nargv = [\"x\\u0000\"]\n",
     "schedctl.toml:3: handler.a.argv: "},
    {command + "statement = \"x\"\n",
     "schedctl.toml:4: handler.a.statement: is a key of type \"sql\", this handler has type "
     "\"command\": remove it"},
    {command + "argw = 1\n",
     "schedctl.toml:4: handler.a.argw: unknown key: did you mean \"argv\"?"},
    {command + "timeout = \"0s\"\n", "schedctl.toml:4: handler.a.timeout: \"0s\" is too short"},
    {command + "concurrency_limit = 0\n",
     "schedctl.toml:4: handler.a.concurrency_limit: 0 is out of"},
    {command + "max_retries = 1001\n",
     "schedctl.toml:4: handler.a.max_retries: 1001 is out of range"},
    {command + "backoff = [\"3h\"]\n", "schedctl.toml:4: handler.a.backoff: \"3h\" is longer than"},
    {command + "memory_limit = \"512\"\noutput_limit = \"64K\"\n",
     "schedctl.toml:5: handler.a.output_limit: \"64K\" is no size"},
    {command + "memory_limit = 0\n", "schedctl.toml:4: handler.a.memory_limit: 0 is too small"},
    {command + "umask = 22\n",
     "schedctl.toml:4: handler.a.umask: 22 is no octal mask: write e.g. \"022\" or 0o022"},
    {command + "umask = \"099\"\n", "schedctl.toml:4: handler.a.umask: \"099\" is no octal mask"},
    {command + "umask = \"-22\"\n", "schedctl.toml:4: handler.a.umask: \"-22\" is no octal mask"},
    {command + "umask = 0o1000\n", "schedctl.toml:4: handler.a.umask: 512 is no octal mask"},
    {command + "nice = 20\n", "schedctl.toml:4: handler.a.nice: 20 is out of range: use -20 to 19"},
    {command + "user = \"\"\n", "schedctl.toml:4: handler.a.user: \"\" is blank"},
    {command + "env = [\"1A\"]\n", "schedctl.toml:4: handler.a.env: \"1A\" is no variable name"},
    {command + "env = [\"A\",\n\"A=B\"]\n",
     "schedctl.toml:5: handler.a.env: \"A=B\" is no variable name"},
    {command + "env = { SCHEDCTL_JOB_ID = \"1\" }\n",
     "schedctl.toml:4: handler.a.env: \"SCHEDCTL_JOB_ID\" is set by schedctl itself"},
    {command + "env = { A = 1 }\n", "schedctl.toml:4: handler.a.env: 1 has the wrong type"},
    {command + "env = \"A\"\n",
     "schedctl.toml:4: handler.a.env: \"A\" has the wrong type: list names"},
    {command + "skip_codes = [256]\n",
     "schedctl.toml:4: handler.a.skip_codes: 256 is out of range"},
    {command + "skip_codes = [3, 3]\n", "schedctl.toml:4: handler.a.skip_codes: 3 stands twice"},
    {command + "skip_codes = [3]\nreject_codes = [3]\n",
     "schedctl.toml:5: handler.a.reject_codes: 3 stands in skip_codes too"},
    // SQL.
    {"[handler.a]\ntype = \"sql\"\n", "schedctl.toml:1: handler.a.statement: is missing"},
    {"[handler.a]\ntype = \"sql\"\nstatement = \" ; \"\n",
     "schedctl.toml:3: handler.a.statement: is empty"},
    {sql + "argv = [\"x\"]\n",
     "schedctl.toml:4: handler.a.argv: is a key of type \"command\", this handler has type "
     "\"sql\""},
    {sql + "role = \"a\\nb\"\n",
     "schedctl.toml:4: handler.a.role: \"a\\nb\" holds control characters"},
    {"[database]\npooled = true\n" + sql + "role = \"app\"\nautonomous = true\n",
     "schedctl.toml:6: handler.a.role: needs a transaction with database.pooled: take autonomous "
     "or role away"},
};

}  // namespace

TEST_SUITE("config::handlers") {
  TEST_CASE("each mistake is one line with file, line, key and remedy") {
    const test::ConfigFolder folder;
    for (const auto& [text, message] : bad_handlers) {
      const auto error = folder.error(text);
      CAPTURE(message);
      CAPTURE(error);
      CHECK(error.starts_with(message));
      CHECK(error.find('\n') == std::string::npos);
      CHECK(error.size() < 400);
    }
  }

  TEST_CASE("every key of a command is read") {
    const test::ConfigFolder folder;

    const auto config = folder.load(R"([handler.news-ingest]
type = "command"
description = "fetches the news"
argv = ["news-events", "ingest", "--topic", "{payload.topic}", "{{}}"]
timeout = "10m"
memory_limit = "512MB"
concurrency_limit = 2
output_limit = 65536
cwd = "/srv"
env = ["API_URL"]
umask = "027"
nice = 5
user = "news"
cpu_limit = "1m"
kill_grace = "1s"
snooze_delay = "2m"
success_codes = [0, 75]
skip_codes = [4]
max_retries = 1
base_delay = "1s"
multiplier = 1.5
max_delay = "3h"
jitter = 0.5
backoff = ["1s", "2h"]
)");

    const auto& handler = config.handlers.at("news-ingest");
    const auto& how = std::get<config::CommandHandler>(handler.how);
    CHECK(handler.name == "news-ingest");
    CHECK(handler.place.line == 1);
    CHECK(handler.timeout == 10min);
    CHECK(handler.concurrency_limit == 2);
    CHECK(handler.retry.max_retries == 1);
    CHECK(handler.retry.backoff.delays.size() == 2);
    CHECK(how.argv.size() == 5);
    CHECK(how.memory_limit_bytes == 512'000'000);
    CHECK(how.output_limit_bytes == 65536);
    CHECK(how.cwd == "/srv");
    CHECK(how.pass_env == std::vector<std::string>{"API_URL"});
    CHECK(how.umask == 027);
    CHECK(how.nice == 5);
    CHECK(how.user == "news");
    CHECK(how.cpu_limit == 1min);
    CHECK(how.kill_grace == 1s);
    CHECK(how.snooze_delay == 2min);
    CHECK(how.success_codes == std::vector<int>{0, 75});
    CHECK(how.snooze_codes.empty());  // 75 means success here
    CHECK(how.skip_codes == std::vector<int>{4});
    CHECK(how.reject_codes == std::vector<int>{65, 78});
    CHECK(test::setting(config, "handler.news-ingest.umask")->value == "\"027\"");
    CHECK(test::setting(config, "handler.news-ingest.memory_limit")->value == "\"512MB\"");
    CHECK(test::setting(config, "handler.news-ingest.kill_grace")->origin == folder.file() + ":15");
    CHECK(test::setting(config, "handler.news-ingest.reject_codes")->origin == "default");
  }

  TEST_CASE("a relative folder starts at the file, a mask may be an octal number") {
    const test::ConfigFolder folder;

    const auto config = folder.load(command + "cwd = \"work\"\numask = 0o077\n");

    const auto& how = std::get<config::CommandHandler>(config.handlers.at("a").how);
    CHECK(how.cwd == folder.path() + "/work");
    CHECK(how.umask == 077);
  }

  TEST_CASE("sql and noop handlers are read") {
    const test::ConfigFolder folder;

    const auto config = folder.load(sql + "role = \"app\"\nautonomous = true\n" +
                                    "[handler.\"b.c\"]\ntype = \"noop\"\n");

    const auto& how = std::get<config::SqlHandler>(config.handlers.at("a").how);
    CHECK(how.statement == "SELECT 1");
    CHECK(how.role == "app");
    CHECK(how.autonomous);
    CHECK(std::holds_alternative<config::NoopHandler>(config.handlers.at("b.c").how));
    CHECK(config.handlers.size() == 3);
    CHECK(test::setting(config, "handler.\"b.c\".type")->value == "\"noop\"");
  }
}

}  // namespace schedctl
