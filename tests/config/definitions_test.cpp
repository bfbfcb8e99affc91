#include <doctest/doctest.h>

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
}

}  // namespace schedctl
