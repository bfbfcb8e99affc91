// schedctl config show -- every value in effect and where it came from.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  bool origin = false;
};

ExitCode show(const Options& options, Program& program) {
  const auto& config = program.config();
  if (program.json) {
    auto settings = nlohmann::ordered_json::array();
    for (const auto& [key, value, origin] : config.settings)
      settings.push_back({{"key", key}, {"value", value}, {"origin", origin}});
    const nlohmann::ordered_json answer = {
        {"schema_version", 1}, {"file", config.file}, {"settings", std::move(settings)}};
    // The name of a file may hold any bytes, which JSON cannot.
    using Handling = nlohmann::ordered_json::error_handler_t;
    program.print(answer.dump(-1, ' ', false, Handling::replace) + "\n");
    return ExitCode::ok;
  }
  for (const auto& [key, value, origin] : config.settings) {
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
