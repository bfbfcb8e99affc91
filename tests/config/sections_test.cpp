#include <doctest/doctest.h>

#include <string>

#include "support/config_folder.h"

namespace schedctl {
namespace {

struct Bad {
  std::string text;
  std::string message;  // how the error begins
};

const Bad bad_files[] = {
    // What is no TOML.
    {"[process]\nhost = \n", "schedctl.toml:2: no valid TOML at column 8: "},
    {"[process]\nhost = \"x\n", "schedctl.toml:2: no valid TOML"},
    {"\n\n$\n", "schedctl.toml:3: no valid TOML at column 1: "},
    {"[retry]\nmax_retries = 1\nmax_retries = 2\n",
     "schedctl.toml:3: no valid TOML at column 15: "},
    {"[retry]\n[log]\n[retry]\n", "schedctl.toml:3: no valid TOML"},
    {"a = " + std::string(100'000, '['), "schedctl.toml:1: no valid TOML"},
    {"\n[a" + std::string(1, '.') + "b" +
         [] {
           std::string deep;
           for (int i = 0; i < 100'000; ++i) deep += ".a";
           return deep;
         }() +
         "]\n",
     "schedctl.toml:2: more than 500 dots in one line"},
    {"[\xC3\xA9.a]\n", "schedctl.toml:1: no valid TOML"},
    {"[.a]\n", "schedctl.toml:1: no valid TOML"},
    // Unknown names.
    {"\n[proces]\n", "schedctl.toml:2: proces: unknown section: did you mean \"process\"?"},
    {"[quux]\n", "schedctl.toml:1: quux: unknown section: use one of database, process, retry"},
    {"[process]\n\nmax_runtme = \"1s\"\n",
     "schedctl.toml:3: process.max_runtme: unknown key: did you mean \"max_runtime\"?"},
    {"[process]\nmax_retries = 1\n",
     "schedctl.toml:2: process.max_retries: unknown key here: it belongs to [retry]"},
    {"max_retries = 1\n", "schedctl.toml:1: max_retries: unknown key here: it belongs to [retry]"},
    {"[log]\ncolour = true\n",
     "schedctl.toml:2: log.colour: unknown key: use one of level, file, console, format"},
    {"[log]\n\"a\\u001b[31m\" = 1\n", "schedctl.toml:2: log.a\\x1b[31m: unknown key"},
    // Wrong types.
    {"process = 5\n", "schedctl.toml:1: process: 5 is no table: write [process]"},
    {"[[process]]\n", "schedctl.toml:1: process: an array is no table: write [process]"},
    {"[process]\nhost = 5\n",
     "schedctl.toml:2: process.host: 5 has the wrong type: write a string"},
    {"[process]\nmax_concurrent_jobs = \"3\"\n",
     "schedctl.toml:2: process.max_concurrent_jobs: \"3\" has the wrong type: write a whole number "
     "without quotes"},
    {"[process]\nmax_runtime = 50\n",
     "schedctl.toml:2: process.max_runtime: 50 has the wrong type: write a number with its unit"},
    {"[process]\nmax_runtime = 10:00:00\n",
     "schedctl.toml:2: process.max_runtime: 10:00:00 has the wrong type"},
    {"[database]\npooled = \"yes\"\n",
     "schedctl.toml:2: database.pooled: \"yes\" has the wrong type: write true or false"},
    {"[database]\nurl = [\"postgresql://u:secret@h/d\"]\n",
     "schedctl.toml:2: database.url: an array has the wrong type: write a string in quotes"},
    {"[retry]\nmultiplier = true\n", "schedctl.toml:2: retry.multiplier: true has the wrong type"},
    {"[log]\nconsole = \"on\"\n",
     "schedctl.toml:2: log.console: \"on\" is unknown: use \"auto\", true or false"},
    {"[log]\nlevel = \"warning\"\n", "schedctl.toml:2: log.level: \"warning\" is unknown"},
    // Values out of range.
    {"[process]\nmax_runtime = \"5 parsecs\"\n",
     "schedctl.toml:2: process.max_runtime: \"5 parsecs\" is no duration"},
    {"[process]\nmax_runtime = \"0s\"\n",
     "schedctl.toml:2: process.max_runtime: \"0s\" is too short: use \"1ms\" or more"},
    {"[process]\nmax_concurrent_jobs = 0\n",
     "schedctl.toml:2: process.max_concurrent_jobs: 0 is out of range: use 1 to 1000"},
    {"[process]\nmax_concurrent_jobs = 1001\n",
     "schedctl.toml:2: process.max_concurrent_jobs: 1001 is out of range"},
    {"[process]\nhost = \"  \"\n", "schedctl.toml:2: process.host: \"  \" is blank: write a name"},
    {"[process]\nlock_file = \"a\\u0000b\"\n",
     "schedctl.toml:2: process.lock_file: \"a\\u0000b\" holds a NUL"},
    {"[retry]\nmax_retries = -1\n", "schedctl.toml:2: retry.max_retries: -1 is out of range"},
    {"[retry]\nmax_retries = 1001\n", "schedctl.toml:2: retry.max_retries: 1001 is out of range"},
    {"[retry]\njitter = 1.1\n",
     "schedctl.toml:2: retry.jitter: 1.1 is out of range: use 0.0 to 1.0"},
    {"[retry]\njitter = nan\n", "schedctl.toml:2: retry.jitter: nan"},
    {"[retry]\nmultiplier = 0.9\n",
     "schedctl.toml:2: retry.multiplier: 0.9 is out of range: use 1.0 or more"},
    {"[retry]\nmultiplier = inf\n", "schedctl.toml:2: retry.multiplier: inf"},
    {"[retry]\nbackoff = \"expo\"\n", "schedctl.toml:2: retry.backoff: \"expo\" is unknown"},
    {"[retry]\nbackoff = []\n", "schedctl.toml:2: retry.backoff: [] is empty: name at least one"},
    {"[retry]\nbackoff = [\"1s\",\n  \"2x\"]\n",
     "schedctl.toml:3: retry.backoff: \"2x\" is no duration"},
    {"[retry]\nbackoff = [\"1s\", \"2h\"]\n",
     "schedctl.toml:2: retry.backoff: \"2h\" is longer than max_delay \"1h\": raise max_delay"},
    {"[recovery]\nlease = \"14s\"\n",
     "schedctl.toml:2: recovery.lease: \"14s\" is too short: use \"15s\" or more"},
    {"[recovery]\nstuck_after = \"0s\"\n",
     "schedctl.toml:2: recovery.stuck_after: \"0s\" is too short"},
    {"[database]\nschema = \"App\"\n",
     "schedctl.toml:2: database.schema: \"App\" is no plain schema"},
    {"[database]\nschema = \"\"\n", "schedctl.toml:2: database.schema: \"\" is blank"},
    {"[database]\nschema = \"pg_jobs\"\n",
     "schedctl.toml:2: database.schema: \"pg_jobs\" is reserved"},
};

}  // namespace

TEST_SUITE("config::sections") {
  TEST_CASE("each mistake is one line with file, line, key and remedy") {
    const test::ConfigFolder folder;
    for (const auto& [text, message] : bad_files) {
      const auto error = folder.error(text);
      CAPTURE(message);
      CAPTURE(error);
      CHECK(error.starts_with(message));
      CHECK(error.find('\n') == std::string::npos);
      CHECK(error.find("secret") == std::string::npos);
      CHECK(error.size() < 400);
    }
  }

  TEST_CASE("a list of delays, carriage returns and a byte order mark are accepted") {
    const test::ConfigFolder folder;

    const auto config =
        folder.load("\xEF\xBB\xBF[retry]\r\nbackoff = [\"1s\", \"1m\"]\r\nmax_retries = 2\r\n");

    CHECK(config.retry.max_retries == 2);
    CHECK(config.retry.backoff.kind == job::Backoff::Kind::list);
    CHECK(config.retry.backoff.delays.size() == 2);
    CHECK(test::setting(config, "retry.backoff")->value == "[\"1s\", \"1m\"]");
  }
}

}  // namespace schedctl
