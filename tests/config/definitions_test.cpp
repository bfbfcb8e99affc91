#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "support/config_folder.h"

namespace schedctl {
namespace {

using namespace std::chrono_literals;
using config::Definition;

const std::string head = "[job.a]\nhandler = \"noop\"\n";

const char* const all_keys = R"([handler.news-ingest]
type = "command"
argv = ["true"]
max_delay = "2h"
[job."night backup"]
handler = "noop"
at = 2027-01-01T09:00:00+01:00
[job.news]
description = "Fetch the news"
handler = "news-ingest"
payload = { topic = "economy", limit = 20, tags = ["a", "b"], share = 0.5, at = 2027-01-01, deep = { on = true } }
every = "3h"
offset = "1h"
start = "2026-01-01T00:00:00"
end = 2027-01-01
timezone = "Europe/Berlin"
first_run = "now"
misfire = "all"
catchup_window = "2h"
catchup_max = 3
overlap = "queue"
concurrency_limit = 2
priority = 7
timeout = "10m"
max_retries = 5
base_delay = "1m"
multiplier = 3
backoff = ["90m", "2h"]
jitter = "30s"
depends_on = ["night backup"]
dependency_timeout = "30m"
group = "s1"
enabled = false
error_threshold = 3
restart_delay = "5m"
max_restarts = 4
memory_threshold = "100MiB"
health_check = ["/usr/bin/test", "-e", "/run/news"]
)";

struct Bad {
  std::string keys;     // behind the two lines of the head
  std::string message;  // how the error begins
};

const Bad bad_keys[] = {
    {"hander = \"x\"\n", ":3: job.a.hander: unknown key: did you mean \"handler\"?"},
    {"quux = 1\n", ":3: job.a.quux: unknown key: use one of description, handler, payload, cron"},
    {"argv = [\"x\"]\n", ":3: job.a.argv: is a key of handlers: write it in [handler.NAME]"},
    {"cron = 5\n",
     ":3: job.a.cron: 5 has the wrong type: write e.g. \"0 2 * * *\" or { hour = 2 }"},
    {"cron = { hour = true }\n", ":3: job.a.cron: true of \"hour\" has the wrong type"},
    {"[job.a.cron]\nminute = 5\nhour = [1, 2]\n", ":5: job.a.cron: an array of \"hour\" has the"},
    {"every = 5\n", ":3: job.a.every: 5 has the wrong type: write a number with its unit"},
    {"every = \"5 parsecs\"\n", ":3: job.a.every: \"5 parsecs\""},
    {"every = \"999ms\"\n", ":3: job.a.every: \"999ms\" is too short: use \"1s\" or more"},
    {"every = \"99999999999999w\"\n", ":3: job.a.every: "},
    {"cron = \"@daily\"\nevery = \"1h\"\n",
     ":4: job.a.every: cron, every and at exclude each other: remove all but one"},
    {"at = 2027-01-01\ncron = { hour = 1 }\n", ":3: job.a.at: cron, every and at exclude each"},
    {"cron = \"@daily\"\noffset = \"1h\"\n",
     ":4: job.a.offset: shifts an interval: write every = \"3h\" beside it, or remove it"},
    {"every = \"1h\"\noffset = \"-1h\"\n", ":4: job.a.offset: "},
    {"at = 5\n", ":3: job.a.at: 5 has the wrong type: write e.g. 2027-01-01T09:00:00Z"},
    {"every = \"1h\"\nstart = true\n", ":4: job.a.start: true has the wrong type"},
    {"every = \"1h\"\nfirst_run = \"later\"\n",
     ":4: job.a.first_run: \"later\" is unknown: write \"now\", or remove it"},
    {"every = \"1h\"\nmisfire = \"one\"\n",
     ":4: job.a.misfire: \"one\" is unknown: use one of coal"},
    {"every = \"1h\"\ncatchup_max = 0\n", ":4: job.a.catchup_max: 0 is out of range: use 1 to"},
    {"every = \"1h\"\ncatchup_window = 24\n", ":4: job.a.catchup_window: 24 has the wrong type"},
    {"every = \"1h\"\noverlap = \"queu\"\n",
     ":4: job.a.overlap: \"queu\" is unknown: did you mean \"queue\"?"},
    {"every = \"1h\"\nconcurrency_limit = 0\n", ":4: job.a.concurrency_limit: 0 is out of range"},
    {"every = \"1h\"\npriority = 101\n", ":4: job.a.priority: 101 is out of range: use 0 to 100"},
    {"every = \"1h\"\npriority = -1\n", ":4: job.a.priority: -1 is out of range"},
    {"every = \"1h\"\ntimeout = \"0s\"\n", ":4: job.a.timeout: \"0s\" is too short"},
    {"every = \"1h\"\nmax_retries = 1001\n", ":4: job.a.max_retries: 1001 is out of range"},
    {"every = \"1h\"\nmultiplier = 0.5\n", ":4: job.a.multiplier: 0.5 is out of range"},
    {"every = \"1h\"\nbackoff = \"quadratic\"\n", ":4: job.a.backoff: \"quadratic\" is unknown"},
    {"every = \"1h\"\nbackoff = [\"2h\"]\n",
     ":4: job.a.backoff: \"2h\" is longer than max_delay \"1h\": raise max_delay"},
    {"every = \"1h\"\njitter = 0.1\n", ":4: job.a.jitter: 0.1 has the wrong type: here jitter is"},
    {"every = \"1h\"\ngroup = \"\"\n", ":4: job.a.group: \"\" is blank"},
    {"every = \"1h\"\ngroup = \"a\\nb\"\n", ":4: job.a.group: \"a\\nb\" holds control characters"},
    {"every = \"1h\"\ndepends_on = \"b\"\n", ":4: job.a.depends_on: \"b\" has the wrong type"},
    {"every = \"1h\"\ndepends_on = [\n\"b\",\n\"b\"]\n",
     ":6: job.a.depends_on: \"b\" stands twice"},
    {"every = \"1h\"\nenabled = \"no\"\n", ":4: job.a.enabled: \"no\" has the wrong type"},
    {"every = \"1h\"\nerror_threshold = 0\n", ":4: job.a.error_threshold: 0 is out of range"},
    {"every = \"1h\"\nmemory_threshold = \"5 cats\"\n", ":4: job.a.memory_threshold: \"5 cats\""},
    {"every = \"1h\"\nhealth_check = []\n", ":4: job.a.health_check: names no program"},
    // Payloads.
    {"payload = 5\n", ":3: job.a.payload: 5 has the wrong type: write a table"},
    {"payload = [1]\n", ":3: job.a.payload: an array has the wrong type"},
    {"payload = \"[1]\"\n", ":3: job.a.payload: is no object: write a table, { shop = \"s1\" }"},
    {"payload = \"{\"\n", ":3: job.a.payload: line 1, column 2: syntax error"},
    {"payload = \"\"\n", ":3: job.a.payload: line 1, column 1: syntax error"},
    {"payload = '{\"a\":1e999}'\n", ":3: job.a.payload: holds a number beyond all range"},
    {"payload = '{\"a\":\"\\u0000\"}'\n", ":3: job.a.payload: holds \\u0000, which PostgreSQL"},
    {"payload = { a = nan }\n", ":3: job.a.payload: nan is no number of JSON"},
    {"[job.a.payload]\nb = 1\nc = \"\\u0000\"\n", ":5: job.a.payload: \"\\u0000\" holds a NUL"},
    {"payload = '" + std::string(600, '{') + "'\n", ":3: job.a.payload: "},
};

}  // namespace

TEST_SUITE("config::definitions") {
  TEST_CASE("every key of a definition means what it says") {
    test::ConfigFolder folder;

    const auto config = folder.load(all_keys);

    REQUIRE(config.definitions.size() == 2);
    const auto& news = config.definitions.at("news");
    CHECK(news.name == "news");
    CHECK(news.description == "Fetch the news");
    CHECK(news.handler == "news-ingest");
    CHECK(news.payload ==
          R"({"at":"2027-01-01","deep":{"on":true},"limit":20,"share":0.5,"tags":["a","b"],)"
          R"("topic":"economy"})");
    CHECK(news.schedule.every == 3h);
    CHECK(news.schedule.offset == 1h);
    CHECK(news.schedule.start == "2026-01-01T00:00:00");
    CHECK(news.schedule.end == "2027-01-01");
    CHECK(news.schedule.timezone == "Europe/Berlin");
    CHECK(news.first_run_now);
    CHECK(news.misfire == Definition::Misfire::all);
    CHECK(news.catchup_window == 2h);
    CHECK(news.catchup_max == 3);
    CHECK(news.overlap == Definition::Overlap::queue);
    CHECK(news.limit() == 2);
    CHECK(news.priority == 7);
    CHECK(news.timeout == 10min);
    CHECK(news.jitter == 30s);
    CHECK(news.depends_on == std::vector<std::string>{"night backup"});
    CHECK(news.dependency_timeout == 30min);
    CHECK(news.group == "s1");
    CHECK(!news.enabled);
    CHECK(news.error_threshold == 3);
    CHECK(news.restart_delay == 5min);
    CHECK(news.max_restarts == 4);
    CHECK(news.memory_threshold_bytes == 100 * 1024 * 1024);
    CHECK(news.health_check == std::vector<std::string>{"/usr/bin/test", "-e", "/run/news"});
    CHECK(config.definitions.at("night backup").schedule.at == "2027-01-01T09:00:00+01:00");

    const auto retry = config::retry_of(news, config.handlers.at("news-ingest"));
    CHECK(retry.max_retries == 5);
    CHECK(retry.backoff.base_delay == 1min);
    CHECK(retry.backoff.multiplier == 3);
    CHECK(retry.backoff.max_delay == 2h);
    CHECK(retry.backoff.kind == job::Backoff::Kind::list);
    CHECK(retry.backoff.delays == std::vector<Duration>{90min, 2h});
  }

  TEST_CASE("what a definition leaves open has its default") {
    test::ConfigFolder folder;

    const auto config = folder.load("[retry]\nmax_retries = 9\n" + head + "cron = \"0 2 * * *\"\n" +
                                    "[job.b]\nhandler = \"noop\"\nevery = \"1h\"\n"
                                    "overlap = \"allow\"\n");

    const auto& definition = config.definitions.at("a");
    CHECK(definition.payload == "{}");
    CHECK(definition.misfire == Definition::Misfire::coalesce);
    CHECK(definition.catchup_window == 24h);
    CHECK(definition.catchup_max == 10);
    CHECK(definition.overlap == Definition::Overlap::skip);
    CHECK(definition.limit() == 1);
    CHECK(!config.definitions.at("b").limit());
    CHECK(definition.priority == 5);
    CHECK(!definition.timeout);
    CHECK(definition.enabled);
    CHECK(config::retry_of(definition, config.handlers.at("noop")).max_retries == 9);
    CHECK(definition.place_of("cron").text() == folder.file() + ":5");
    CHECK(definition.place_of("every").text() == folder.file() + ":3");
  }

  TEST_CASE("a definition for a handler that is not here is refused, with the one that was meant") {
    test::ConfigFolder folder;

    CHECK(folder.error("[job.a]\nhandler = \"nop\"\nevery = \"1h\"\n") ==
          "schedctl.toml:2: job.a.handler: \"nop\" is no handler here: did you mean \"noop\"?");
  }

  TEST_CASE("a definition without a schedule has to say that it is only run by hand") {
    test::ConfigFolder folder;

    CHECK(folder.error(head) ==
          "schedctl.toml:1: job.a: has no schedule: write cron = \"0 2 * * *\", every = \"3h\" or "
          "at = a time, or enabled = false for one that is only run by hand");
    CHECK(folder.error(head + "enabled = false\n").empty());
  }

  TEST_CASE("what is wrong in a definition is refused with its line, its value and the remedy") {
    test::ConfigFolder folder;
    for (const auto& [keys, message] : bad_keys) {
      CAPTURE(keys);
      const auto error = folder.error(head + keys);
      CHECK_MESSAGE(error.starts_with("schedctl.toml" + message), error);
      CHECK(error.size() < 700);
      CHECK(error.find('\n') == std::string::npos);
    }
  }

  TEST_CASE("names of definitions are as free as those of handlers, and as safe") {
    test::ConfigFolder folder;
    const auto named = [&](const std::string& name) {
      return folder.error("[job." + name + "]\nhandler = \"noop\"\nevery = \"1h\"\n");
    };

    CHECK(named("\"Nachts um 2, \u00fcber alles\"") == "");
    CHECK(named("\"" + std::string(200, 'n') + "\"") == "");
    CHECK(named("\"\"") == "schedctl.toml:1: job: \"\" is blank: write a name");
    CHECK(named("\"a\\tb\"").starts_with("schedctl.toml:1: job: \"a\\tb\" holds control"));
    CHECK(named("\"" + std::string(201, 'n') + "\"").starts_with("schedctl.toml:1: job: \"nnn"));
    CHECK(folder.error("job = 1\n") == "schedctl.toml:1: job: 1 is no table: write [job]");
    CHECK(folder.error("[job]\na = 1\n") == "schedctl.toml:2: job.a: 1 is no table: write [job.a]");
    CHECK(folder.error("\n[job.a]\n").starts_with("schedctl.toml:2: job.a.handler: is missing"));
  }

  TEST_CASE("a payload may be the text of an object, which stays as it is written") {
    test::ConfigFolder folder;
    const auto payload_of = [&](const std::string& payload) {
      return folder.load(head + "every = \"1h\"\npayload = " + payload + "\n")
          .definitions.at("a")
          .payload;
    };

    CHECK(payload_of("'{ \"b\": 1.50, \"a\": [] }'") == "{ \"b\": 1.50, \"a\": [] }");
    CHECK(payload_of("{}") == "{}");
    CHECK(payload_of(
              "{ t = 09:30:00, n = -9223372036854775808, x = \"\u00fc\\n\\\"\", e = [[], {}] }") ==
          "{\"e\":[[],{}],\"n\":-9223372036854775808,\"t\":\"09:30:00\",\"x\":"
          "\"\u00fc\\u000a\\\"\"}");
  }

  TEST_CASE("each value of a definition tells where it comes from") {
    test::ConfigFolder folder;
    const auto config = folder.load(
        "[job.\"a b\"]\nhandler = \"noop\"\ncron = { hour = 2, day_of_week = \"mon\" }\n"
        "payload = { x = 1 }\nbackoff = [\"1s\"]\ngroup = \"g\"\nenabled = false\n"
        "memory_threshold = \"64MiB\"\n");

    const auto settings = config::settings_of(config.definitions.at("a b"));

    const auto has = [&](const std::string& key, const std::string& value, int line) {
      const auto origin = line == 0 ? "default" : folder.file() + ":" + std::to_string(line);
      return std::ranges::any_of(settings, [&](const config::Setting& setting) {
        return setting.key == "job.\"a b\"." + key && setting.value == value &&
               setting.origin == origin;
      });
    };
    CHECK(has("handler", "\"noop\"", 2));
    CHECK(has("cron", "{ day_of_week = \"mon\", hour = \"2\" }", 3));
    CHECK(has("payload", "\"{\\\"x\\\":1}\"", 4));
    CHECK(has("backoff", "[\"1s\"]", 5));
    CHECK(has("group", "\"g\"", 6));
    CHECK(has("enabled", "false", 7));
    CHECK(has("memory_threshold", "\"64MiB\"", 8));
    CHECK(has("misfire", "\"coalesce\"", 0));
    CHECK(has("catchup_window", "\"1d\"", 0));
    CHECK_FALSE(has("timeout", "", 0));
  }

  TEST_CASE("ten thousand definitions are read in a time that grows with their number only") {
    test::ConfigFolder folder;
    const auto milliseconds_for = [&](int count) {
      std::string text;
      for (int i = 0; i < count; ++i)
        text +=
            "[job.definition-" + std::to_string(i) +
            "]\nhandler = \"noop\"\ncron = \"0 2 * * *\"\npayload = { n = " + std::to_string(i) +
            " }\n" + (i > 0 ? "depends_on = [\"definition-" + std::to_string(i - 1) + "\"]\n" : "");
      double least = 1e9;
      for (int i = 0; i < 3; ++i) {
        timespec begin{}, end{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        const auto config = folder.load(text);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        REQUIRE(config.definitions.size() == static_cast<std::size_t>(count));
        least = std::min(least, static_cast<double>(end.tv_sec - begin.tv_sec) * 1e3 +
                                    static_cast<double>(end.tv_nsec - begin.tv_nsec) / 1e6);
      }
      return least;
    };

    CHECK(milliseconds_for(10'000) < 30 * milliseconds_for(1000));
  }
}

}  // namespace schedctl
