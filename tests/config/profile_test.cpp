#include <doctest/doctest.h>

#include "support/config_folder.h"

namespace schedctl {
namespace {

using namespace std::chrono_literals;

const std::string text = R"([process]
max_concurrent_jobs = 3
linger = "1s"
[handler.fetch]
type = "command"
argv = ["fetch"]
timeout = "1m"
[job.news]
handler = "fetch"
every = "3h"
payload = { a = 1, b = 2 }
[profile.staging.process]
linger = "2s"
poll_interval = "7s"
[profile.staging.handler.fetch]
argv = ["fetch", "--dry-run"]
[profile.staging.job.news]
every = "5m"
payload = { c = 3 }
[profile.staging.job.extra]
handler = "noop"
every = "1h"
[profile.test.log]
level = "debug"
)";

}  // namespace

TEST_SUITE("config::profile") {
  TEST_CASE("the values of the chosen profile stand between the file and the environment") {
    const test::ConfigFolder folder;
    const auto profile = test::VariableScope("SCHEDCTL_PROFILE", "staging");
    const auto interval = test::VariableScope("SCHEDULER_PROCESSING_INTERVAL_MS", "9000");

    const auto config = folder.load(text);

    CHECK(config.profile == "staging");
    CHECK(config.profiles == std::vector<std::string>{"staging", "test"});
    CHECK(config.process.max_concurrent_jobs == 3);
    CHECK(config.process.linger == 2s);
    CHECK(config.process.poll_interval == 9s);
    CHECK(config.log.level == config::Log::Level::info);
    CHECK(test::setting(config, "process.linger")->origin == folder.file() + ":13");
    CHECK(test::setting(config, "process.max_concurrent_jobs")->origin == folder.file() + ":2");

    const auto& fetch = config.handlers.at("fetch");
    CHECK(std::get<config::CommandHandler>(fetch.how).argv.size() == 2);
    CHECK(fetch.timeout == 1min);
    const auto& news = config.definitions.at("news");
    CHECK(news.handler == "fetch");
    CHECK(news.schedule.every == 5min);
    CHECK(news.payload == "{\"c\":3}");
    CHECK(news.place_of("every").line == 18);
    CHECK(news.place_of("handler").line == 9);
    CHECK(config.definitions.contains("extra"));
  }

  TEST_CASE("another kind of schedule takes the place of that of the file") {
    const test::ConfigFolder folder;
    const auto profile = test::VariableScope("SCHEDCTL_PROFILE", "p");
    const std::string head = "[job.a]\nhandler = \"noop\"\n";

    const auto config = folder.load(head + "every = \"3h\"\noffset = \"1h\"\nend = 2099-01-01\n" +
                                    "[profile.p.job.a]\ncron = \"@daily\"\n");
    const auto& written = config.definitions.at("a").schedule;
    CHECK(written.cron == "@daily");
    CHECK_FALSE(written.every);
    CHECK_FALSE(written.offset);
    CHECK(written.end == "2099-01-01");

    const auto same = folder.load(head + "every = \"3h\"\noffset = \"1h\"\n" +
                                  "[profile.p.job.a]\nevery = \"2h\"\n");
    CHECK(same.definitions.at("a").schedule.every == 2h);
    CHECK(same.definitions.at("a").schedule.offset == 1h);
  }

  TEST_CASE("without a choice no profile counts") {
    const test::ConfigFolder folder;

    const auto config = folder.load(text);

    CHECK(config.profile == "");
    CHECK(config.process.linger == 1s);
    CHECK(config.definitions.at("news").schedule.every == 3h);
    CHECK_FALSE(config.definitions.contains("extra"));
  }

  TEST_CASE("a profile that is not there is refused, also without any file that has one") {
    const test::ConfigFolder folder;
    const auto profile = test::VariableScope("SCHEDCTL_PROFILE", "stagin");

    CHECK(
        folder.error(text) ==
        "environment SCHEDCTL_PROFILE: \"stagin\": is no profile here: did you mean \"staging\"?");
    CHECK(folder.error("") ==
          "environment SCHEDCTL_PROFILE: \"stagin\": is no profile here: write [profile.stagin]");
  }

  TEST_CASE("what is wrong in the chosen profile is refused with its line") {
    const test::ConfigFolder folder;
    const auto profile = test::VariableScope("SCHEDCTL_PROFILE", "p");
    const std::pair<const char*, const char*> cases[] = {
        {"[profile.p.proces]\n", "schedctl.toml:1: proces: unknown section"},
        {"[profile.p.process]\nlingr = \"1s\"\n", "schedctl.toml:2: process.lingr: unknown key"},
        {"[log]\n[profile.p]\nlog = 5\n", "schedctl.toml:3: log: 5 is no table: write [log]"},
        {"[profile.p.profile.q]\n", "schedctl.toml:1: profile: unknown section"},
        {"profile = 1\n", "schedctl.toml:1: profile: 1 is no table: write [profile]"},
        {"[profile]\np = 1\n", "schedctl.toml:2: profile.p: 1 is no table: write [profile.p]"},
        {"[profile.\"\".log]\n", "schedctl.toml:1: profile: \"\" is blank: write a name"},
        {"[profile.p.job.a]\nevery = \"1h\"\n", "schedctl.toml:1: job.a.handler: is missing"},
    };
    for (const auto& [bad, message] : cases) {
      CAPTURE(bad);
      CHECK(folder.error(bad).starts_with(message));
    }
  }
}

}  // namespace schedctl
