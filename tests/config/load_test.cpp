#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/config.h"
#include "config/paths.h"
#include "support/config_folder.h"
#include "util/error.h"

namespace schedctl {
namespace {

using namespace std::chrono_literals;
using test::ConfigFolder;
using test::setting;
using test::VariableScope;

// Another current folder for the length of a scope.
class FolderScope {
 public:
  explicit FolderScope(const std::string& folder) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder);
  }
  ~FolderScope() { std::filesystem::current_path(before_); }

 private:
  std::filesystem::path before_;
};

void check_setting(const config::Config& config, const std::string& key, const std::string& value,
                   const std::string& origin) {
  CAPTURE(key);
  const auto* found = setting(config, key);
  REQUIRE(found != nullptr);
  CHECK(found->value == value);
  CHECK(found->origin == origin);
}

}  // namespace

TEST_SUITE("config::load") {
  TEST_CASE("an empty file leaves the documented defaults and the handler noop") {
    const ConfigFolder folder;

    const auto config = folder.load("");

    CHECK(config.file == folder.file());
    CHECK(config.database.url.empty());
    CHECK(config.database.origin.empty());
    CHECK(config.database.schema == "schedctl");
    CHECK(config.process.max_concurrent_jobs == 3);
    CHECK(!config.process.host.empty());
    CHECK(config.process.lock_file.starts_with(folder.path() + "/state/process-"));
    CHECK(config.retry.max_retries == 3);
    CHECK(config.recovery.stuck_after == 30min);
    REQUIRE(config.handlers.size() == 1);
    CHECK(std::holds_alternative<config::NoopHandler>(config.handlers.at("noop").how));
    check_setting(config, "process.max_runtime", "\"50s\"", "default");
    check_setting(config, "retry.multiplier", "2.0", "default");
    check_setting(config, "log.console", "\"auto\"", "default");
  }

  TEST_CASE("every key of the fixed sections is read") {
    const ConfigFolder folder;

    const auto config = folder.load(R"([database]
url = "postgresql:///app"
schema = "jobs"
connect_timeout = "2s"
pooled = true
[process]
host = "db1"
max_concurrent_jobs = 7
max_runtime = "40s"
linger = "55s"
lock_file = "run/x.lock"
shutdown_grace = "0s"
shutdown_force = "1s"
[retry]
max_retries = 0
base_delay = "1s"
multiplier = 3
max_delay = "2h"
jitter = 0
backoff = "linear"
[recovery]
lease = "20s"
stuck_after = "1h"
max_interruptions = 5
[log]
level = "debug"
file = "/var/log/schedctl.log"
console = false
format = "json"
)");

    CHECK(config.database.url == "postgresql:///app");
    CHECK(config.database.origin == folder.file() + ":2");
    CHECK(config.database.schema == "jobs");
    CHECK(config.database.connect_timeout == 2s);
    CHECK(config.process.host == "db1");
    CHECK(config.process.max_concurrent_jobs == 7);
    CHECK(config.process.linger == 55s);
    CHECK(config.process.poll_interval == 1s);  // pooled
    CHECK(config.process.lock_file == folder.path() + "/run/x.lock");
    CHECK(config.process.shutdown_grace == 0s);
    CHECK(config.retry.max_retries == 0);
    CHECK(config.retry.backoff.kind == job::Backoff::Kind::linear);
    CHECK(config.retry.backoff.multiplier == 3.0);
    CHECK(config.retry.backoff.jitter == 0.0);
    CHECK(config.recovery.lease == 20s);
    CHECK(config.recovery.max_interruptions == 5);
    CHECK(config.log.level == config::Log::Level::debug);
    CHECK(config.log.console == config::Log::Console::off);
    CHECK(config.log.format == config::Log::Format::json);
    check_setting(config, "recovery.lease", "\"20s\"", folder.file() + ":22");
  }

  TEST_CASE("the environment wins over the file, a flag over both") {
    const ConfigFolder folder;
    const VariableScope variables[] = {{"SCHEDULER_MAX_CONCURRENT_JOBS", "11"},
                                       {"SCHEDULER_PROCESSING_INTERVAL_MS", "1500"},
                                       {"SCHEDULER_MAX_RETRIES", "9"},
                                       {"SCHEDULER_BASE_DELAY_MS", "250"},
                                       {"SCHEDULER_BACKOFF_MULTIPLIER", "1.5"},
                                       {"SCHEDULER_LOG_LEVEL", "ERROR"},
                                       {"SCHEDULER_LOG_FILE", "/tmp/x.log"},
                                       {"SCHEDULER_ENABLE_CONSOLE", "1"},
                                       {"SCHEDCTL_HOST", "named"}};
    config::Overrides overrides;
    overrides.config_file = folder.write(
        "[process]\nmax_concurrent_jobs = 2\n[retry]\nmax_retries = 1\n"
        "[handler.a]\ntype = \"noop\"\n[handler.b]\ntype = \"noop\"\nmax_retries = 2\n");
    overrides.log_level = "debug";
    overrides.concurrency = "12";
    overrides.max_runtime = "5s";
    overrides.lock_file = "/tmp/own.lock";

    const auto config = config::load(overrides);

    CHECK(config.process.poll_interval == 1500ms);
    CHECK(config.process.host == "named");
    CHECK(config.retry.backoff.base_delay == 250ms);
    CHECK(config.retry.backoff.multiplier == 1.5);
    CHECK(config.log.console == config::Log::Console::on);
    CHECK(config.log.level == config::Log::Level::debug);
    CHECK(config.process.lock_file == "/tmp/own.lock");
    CHECK(config.handlers.at("a").retry.max_retries == 9);
    CHECK(config.handlers.at("b").retry.max_retries == 2);
    CHECK(config.handlers.at("b").retry.backoff.base_delay == 250ms);
    CHECK(config.handlers.at("noop").retry.max_retries == 9);
    check_setting(config, "process.max_concurrent_jobs", "12", "flag --concurrency");
    check_setting(config, "process.max_runtime", "\"5s\"", "flag --max-runtime");
    check_setting(config, "retry.max_retries", "9", "environment SCHEDULER_MAX_RETRIES");
    check_setting(config, "handler.a.max_retries", "9", "environment SCHEDULER_MAX_RETRIES");
    check_setting(config, "handler.b.max_retries", "2", folder.file() + ":9");
    check_setting(config, "log.file", "\"/tmp/x.log\"", "environment SCHEDULER_LOG_FILE");
  }

  TEST_CASE("a bad variable is refused by its name") {
    const ConfigFolder folder;
    const struct {
      const char* name;
      const char* value;
      const char* message;
    } cases[] = {
        {"SCHEDULER_MAX_RETRIES", "three", "retry.max_retries: \"three\" is no whole number"},
        {"SCHEDULER_MAX_RETRIES", "3 ", "retry.max_retries: \"3 \" is no whole number"},
        {"SCHEDULER_MAX_RETRIES", "-1", "retry.max_retries: -1 is out of range: use 0 to 1000"},
        {"SCHEDULER_MAX_CONCURRENT_JOBS", "0", "process.max_concurrent_jobs: 0 is out of range"},
        {"SCHEDULER_BASE_DELAY_MS", "5s", "retry.base_delay: \"5s\" is no number of milliseconds"},
        {"SCHEDULER_BASE_DELAY_MS", "1000000000000000000", "retry.base_delay: "},
        {"SCHEDULER_PROCESSING_INTERVAL_MS", "0", "process.poll_interval: \"0ms\" is too short"},
        {"SCHEDULER_BACKOFF_MULTIPLIER", "nan", "retry.multiplier: nan"},
        {"SCHEDULER_BACKOFF_MULTIPLIER", "0.5", "retry.multiplier: 0.5 is out of range"},
        {"SCHEDULER_LOG_LEVEL", "verbose", "log.level: \"verbose\" is unknown: use one of debug"},
        {"SCHEDULER_ENABLE_CONSOLE", "maybe", "log.console: \"maybe\" is unknown"},
        {"SCHEDCTL_HOST", "a\nb", "process.host: \"a\\nb\" holds control characters"},
        {"SCHEDCTL_STATE_DIR", "relative", "\"relative\": is no absolute path"},
        {"SCHEDCTL_DATA_DIR", "relative", "\"relative\": is no absolute path"},
    };
    for (const auto& [name, value, message] : cases) {
      const VariableScope variable(name, value);
      const auto error = folder.error("");
      CAPTURE(error);
      CHECK(error.starts_with("environment " + std::string(name) + ": " + message));
    }
  }

  TEST_CASE("a bad flag is a usage error") {
    const ConfigFolder folder;
    config::Overrides overrides;
    overrides.config_file = folder.write("");
    overrides.concurrency = "many";

    CHECK_THROWS_AS(config::load(overrides), UsageError);
    CHECK_THROWS_WITH(config::load(overrides),
                      "--concurrency: \"many\" is no whole number: use e.g. 3");
  }

  TEST_CASE("the database is looked for in the documented order") {
    const ConfigFolder folder;
    const std::string with_url = "[database]\nurl = \"dbname=file\"\n";
    std::filesystem::create_directories(folder.path() + "/data/pg");
    std::ofstream(folder.path() + "/data/pg/PG_VERSION") << "15\n";

    const auto local = folder.load("");
    CHECK(local.database.url ==
          "host=" + folder.path() + "/data/run dbname=schedctl user=schedctl");
    CHECK(local.database.origin == "local cluster");
    CHECK(config::local_cluster_folder() == folder.path() + "/data");

    const VariableScope service("PGSERVICE", "app");
    const auto libpq = folder.load("");
    CHECK(libpq.database.url.empty());
    CHECK(libpq.database.origin == "PG*");

    const VariableScope common("DATABASE_URL", "dbname=common");
    CHECK(folder.load("").database.url == "dbname=common");
    CHECK(folder.load("").database.origin == "DATABASE_URL");
    CHECK(folder.load(with_url).database.url == "dbname=file");

    const VariableScope own("SCHEDCTL_DATABASE_URL", "dbname=own");
    const auto first = folder.load(with_url);
    CHECK(first.database.url == "dbname=own");
    CHECK(first.database.origin == "SCHEDCTL_DATABASE_URL");
    check_setting(first, "database.url", "\"dbname=own\"", "environment SCHEDCTL_DATABASE_URL");
  }

  TEST_CASE("a folder with spaces and quotes is one value of the local cluster's address") {
    const ConfigFolder folder;
    const std::string data = folder.path() + "/my 'data'";
    std::filesystem::create_directories(data + "/pg");
    std::ofstream(data + "/pg/PG_VERSION") << "15\n";
    const VariableScope variable("SCHEDCTL_DATA_DIR", data);

    CHECK(folder.load("").database.url ==
          "host='" + folder.path() + "/my \\'data\\'/run' dbname=schedctl user=schedctl");
  }

  TEST_CASE("each database and schema has its own lock file, whatever the password") {
    const ConfigFolder folder;
    const auto lock = [&](const std::string& text) { return folder.load(text).process.lock_file; };
    const auto first = lock("[database]\nurl = \"postgresql://u:one@h/app\"\n");

    CHECK(first == lock("[database]\nurl = \"postgresql://u:two@h/app\"\n"));
    CHECK(first != lock("[database]\nurl = \"postgresql://u:one@h/other\"\n"));
    CHECK(first != lock("[database]\nurl = \"postgresql://u:one@h/app\"\nschema = \"b\"\n"));
    CHECK(std::filesystem::path(first).filename().string().size() ==
          std::string("process-0123456789abcdef.lock").size());
    CHECK(!std::filesystem::exists(folder.path() + "/state"));
  }

  TEST_CASE("passwords are not shown") {
    const ConfigFolder folder;
    const auto config = folder.load(
        "[database]\nurl = \"postgresql://u:s3cret@h/app?sslpassword=s3cret\"\n"
        "[handler.a]\ntype = \"command\"\nargv = [\"x\"]\nenv = { TOKEN = \"s3cret\" }\n");

    for (const auto& each : config.settings) CHECK(each.value.find("s3cret") == std::string::npos);
    check_setting(config, "database.url", "\"postgresql://u:***@h/app?sslpassword=***\"",
                  folder.file() + ":2");
    check_setting(config, "handler.a.env", "{ TOKEN = \"***\" }", folder.file() + ":6");
  }

  TEST_CASE("the file is looked for in the documented places") {
    const ConfigFolder folder;
    const FolderScope here(folder.path());
    std::filesystem::create_directories(folder.path() + "/xdg/schedctl");
    std::ofstream(folder.path() + "/xdg/schedctl/schedctl.toml") << "";
    std::ofstream(folder.path() + "/named.toml") << "";
    std::ofstream(folder.path() + "/flag.toml") << "";
    config::Overrides overrides;

    CHECK(config::load(overrides).file == folder.path() + "/xdg/schedctl/schedctl.toml");
    folder.write("");
    CHECK(config::load(overrides).file == folder.file());
    const VariableScope named("SCHEDCTL_CONFIG", "named.toml");
    CHECK(config::load(overrides).file == folder.path() + "/named.toml");
    overrides.config_file = "flag.toml";
    CHECK(config::load(overrides).file == folder.path() + "/flag.toml");
    overrides.config_file.reset();
    const VariableScope missing("SCHEDCTL_CONFIG", "missing.toml");
    CHECK_THROWS_WITH_AS(config::load(overrides),
                         (folder.path() + "/missing.toml: cannot be opened: No such file or "
                                          "directory: give a readable file with --config or "
                                          "SCHEDCTL_CONFIG")
                             .c_str(),
                         ConfigError);
  }
}

}  // namespace schedctl
