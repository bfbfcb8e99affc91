#include "setup/look.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "util/capture.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::setup {
namespace {

constexpr auto margin = std::chrono::seconds(10);  // for storing outcomes after the last kill
constexpr int cannot_start = 127;

struct Value {
  std::string text;
  std::string origin;
};
using Values = std::map<std::string, Value>;

// A text without the quotes that TOML puts around it, which a path may hold too.
std::string plain(const std::string& value) {
  return nlohmann::json::parse(value, nullptr, false).is_string()
             ? nlohmann::json::parse(value).get<std::string>()
             : value;
}

Values values_of(const std::string& answer) {
  Values values;
  const auto object = nlohmann::json::parse(answer);
  for (const auto& setting : object.at("settings"))
    values[setting.at("key")] = {plain(setting.at("value")), setting.at("origin")};
  return values;
}

// What this shell has set and those who start the runs do not know.
std::vector<std::string> warnings_of(const Values& values) {
  std::vector<std::string> warnings;
  for (const char* name : {"SCHEDCTL_DATABASE_URL", "DATABASE_URL", "PGHOST", "PGDATABASE",
                           "PGSERVICE", "SCHEDCTL_HOST", "SCHEDCTL_STATE_DIR", "SCHEDCTL_DATA_DIR",
                           "SCHEDULER_MAX_CONCURRENT_JOBS", "SCHEDULER_MAX_RETRIES"})
    if (const char* value = std::getenv(name); value && *value)
      warnings.push_back(fmt::format(
          "{} is set here, but a run will not have it: write it into the configuration", name));
  if (values.at("database.url").origin == "default")
    warnings.emplace_back(
        "a run will find no database: write [database] url, or start a local cluster with "
        "\"schedctl db start\"");
  return warnings;
}

}  // namespace

Look look_as_started(const Plan& plan) {
  auto env = environment_of(plan);
  env.insert(env.end(), {"HOME=" + plan.user.home, "LOGNAME=" + plan.user.name, "SHELL=/bin/sh"});
  const auto answer =
      capture({.argv = {plan.program, "--config", plan.config, "--json", "config", "show"},
               .env = std::move(env),
               .input = "",
               .user = plan.user});
  auto said = last_line(answer.err);
  if (answer.exit_code == cannot_start)
    throw Error(ExitCode::permission,
                fmt::format("user {} cannot start the program: {}: install it where everybody can "
                            "reach it, e.g. with cmake --install",
                            plan.user.name, said));
  if (said.starts_with("schedctl: ")) said.erase(0, said.find(' ') + 1);
  if (answer.exit_code != 0)
    throw Error(static_cast<ExitCode>(answer.exit_code),
                fmt::format("as user {} would find it: {}", plan.user.name, said));
  const auto values = values_of(answer.out);
  const auto duration = [&](const char* key) { return parse_duration(values.at(key).text); };
  return {values.at("process.lock_file").text, values.at("log.file").text,
          duration("process.shutdown_grace") + duration("process.shutdown_force") + margin,
          warnings_of(values)};
}

}  // namespace schedctl::setup
