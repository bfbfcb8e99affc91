#include <doctest/doctest.h>

#include "config/definitions.h"
#include "config/handlers.h"
#include "config/merge.h"
#include "config/sections.h"
#include "fuzz/mutator.h"
#include "schedule/definition.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl {
namespace {

const char* const whole = R"([database]
url = "postgresql:///app"
pooled = false
[process]
max_concurrent_jobs = 3
max_runtime = "50s"
[retry]
max_retries = 3
multiplier = 2.0
backoff = ["1s", "5m"]
[log]
console = "auto"
[handler.fetch]
type = "command"
argv = ["fetch", "--topic={payload.topic}"]
env = { MODE = "fast" }
umask = 0o022
memory_limit = "64MiB"
success_codes = [0, 3]
[handler.rollup]
type = "sql"
statement = "SELECT 1"
[job.news]
handler = "fetch"
payload = { topic = "a", n = 1.5, deep = [{ x = true }, 1979-05-27T07:32:00Z] }
every = "3h"
offset = "1h"
start = 2026-01-01
depends_on = ["night"]
[job.night]
handler = "rollup"
cron = "0 2 * * *"
timezone = "UTC"
overlap = "queue"
backoff = "linear"
[job.table]
handler = "noop"
cron = { day_of_week = "mon", hour = "8,20" }
payload = '{"a": [1, {"b": null}]}'
[profile.dev.job.night]
every = "5m"
)";

// The document and small ones, each of which is right.
std::vector<std::string> seeds() {
  std::vector<std::string> texts = {
      whole, "[job.a]\nhandler = \"noop\"\nat = 2027-01-01T09:00:00+01:00\nmisfire = \"all\"\n",
      "[job.a]\nhandler = \"noop\"\ncron = \"*/5 8-17 * * mon-fri\"\njitter = \"30s\"\n",
      "[job.a]\nhandler = \"noop\"\nevery = \"1h\"\n[job.b]\nhandler = \"noop\"\nevery = "
      "\"2h\"\ndepends_on = [\"a\"]\n",
      "[handler.x]\ntype = \"noop\"\n[profile.dev.process]\nlinger = \"5s\"\n"};
  return texts;
}

// As the loader does, but from a text.
config::Config read(const std::string& text, bool with_profile) {
  config::Config config;
  auto root = config::parse_document(text, "f.toml");
  const auto profile = with_profile ? std::optional<std::string>("dev") : std::nullopt;
  config::apply_profile(root, profile, "f.toml:0");
  config::Sections sections(config, "");
  sections.read(root);
  config::read_handlers(root, "", *sections.find("retry"), config);
  config::read_definitions(root, config);
  schedule::check_schedules(config.definitions);
  return config;
}

// Whether everything that was accepted can also be shown and asked for slots.
bool is_usable(const config::Config& config) {
  schedule::Zones zones;
  for (const auto& [name, definition] : config.definitions) {
    if (settings_of(definition).empty()) return false;
    if (!config.handlers.contains(definition.handler)) return false;
    if (definition.schedule.timezone || !definition.has_schedule()) continue;
    const auto schedule = read_schedule(definition, zones);
    schedule::slots_between(schedule, schedule::slots_begin, schedule::slots_end, 3);
  }
  return true;
}

}  // namespace

TEST_SUITE("fuzz::config") {
  TEST_CASE("a damaged file is refused in one line that names its place, or can be worked with") {
    const auto inputs = test::fuzz_inputs(100'000) / 10;  // each takes ten times as long
    test::Mutator mutator(seeds(), "[]{}=\"'.,#\n \t0123456789abjhnoprstxy_-\\u");
    std::uint64_t accepted = 0, refused = 0;
    std::string finding;
    for (std::uint64_t i = 0; i < inputs; ++i) {
      const auto text = make_storable(mutator.damaged(2));
      try {
        if (!is_usable(read(text, mutator.below(4) == 0))) finding = text;
        ++accepted;
      } catch (const ConfigError& error) {
        const std::string_view why = error.what();
        if (!why.starts_with("f.toml:") || !test::is_one_short_line(why, 1500)) finding = text;
        ++refused;
      }
    }

    CHECK(finding == "");
    // Else it would be the mutations that are worthless.
    CHECK(accepted > inputs / 30);
    CHECK(refused > inputs / 4);
    MESSAGE(inputs << " inputs: " << accepted << " accepted, " << refused << " refused");
  }
}

}  // namespace schedctl
