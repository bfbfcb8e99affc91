// schedctl config show -- every value in effect and where it came from.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  bool origin = false;
};

nlohmann::ordered_json profile_of(const config::Config& config) {
  return config.profile.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(config.profile);
}

std::vector<config::Setting> all_settings(const config::Config& config) {
  auto settings = config.settings;
  for (const auto& [name, definition] : config.definitions)
    std::ranges::move(config::settings_of(definition), std::back_inserter(settings));
  return settings;
}

ExitCode show(const Options& options, Program& program) {
  const auto& config = program.config();
  if (program.json) {
    auto settings = nlohmann::ordered_json::array();
    for (const auto& [key, value, origin] : all_settings(config))
      settings.push_back({{"key", key}, {"value", value}, {"origin", origin}});
    const nlohmann::ordered_json answer = {{"schema_version", 1},
                                           {"file", config.file},
                                           {"files", config.files},
                                           {"profile", profile_of(config)},
                                           {"settings", std::move(settings)}};
    // The name of a file may hold any bytes, which JSON cannot.
    using Handling = nlohmann::ordered_json::error_handler_t;
    program.print(answer.dump(-1, ' ', false, Handling::replace) + "\n");
    return ExitCode::ok;
  }
  for (const auto& [key, value, origin] : all_settings(config)) {
    const auto line = fmt::format("{} = {}{}", key, value, options.origin ? "  # " + origin : "");
    program.print(escape_control(line) + "\n");
  }
  return ExitCode::ok;
}

}  // namespace

void add_config(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* config = app.add_subcommand("config", "Look at the configuration in effect");
  config->require_subcommand(1);
  auto* command = config->add_subcommand("show", "Print every value; passwords as ***");
  command->add_flag("--origin", options->origin, "Say where each value came from");
  command->callback([options, &program] {
    program.action = [options, &program] { return show(*options, program); };
  });
}

}  // namespace schedctl::cli
