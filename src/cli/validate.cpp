// schedctl validate -- check the configuration file without a database.
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/programs.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr const char* usual_path = "/usr/local/bin:/usr/bin:/bin";

std::string inherited_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : usual_path;
}

// Throws ConfigError for a program that no run would start, because others may change it.
std::vector<std::string> find_warnings(const config::Config& config) {
  std::vector<std::string> warnings;
  for (const auto& [name, handler] : config.handlers) {
    const auto* command = std::get_if<config::CommandHandler>(&handler.how);
    if (command == nullptr) continue;
    const auto program = find_program(*command, inherited_path());
    if (!program) {
      warnings.push_back(
          fmt::format("{}: handler {}: program {} is not found{}: install it or "
                      "name its whole path",
                      handler.place.text(), name, command->argv[0],
                      command->argv[0].find('/') == std::string::npos ? " in PATH" : ""));
    } else if (const auto fault = program_fault(*command, *program); !fault.empty()) {
      throw ConfigError(escape_control(
          fmt::format("{}: handler {}: {}: {}", handler.place.text(), name, *program, fault)));
    }
  }
  return warnings;
}

// The handlers of the file in the order of their names; the built-in noop has no line there.
nlohmann::ordered_json list_handlers(const config::Config& config) {
  constexpr const char* types[] = {"noop", "command", "sql"};
  auto list = nlohmann::ordered_json::array();
  for (const auto& [name, handler] : config.handlers)
    if (handler.place.file) list.push_back({{"name", name}, {"type", types[handler.how.index()]}});
  return list;
}

nlohmann::ordered_json describe(const config::Config& config) {
  return {{"schema_version", 1},
          {"file", config.file},
          {"valid", true},
          {"handlers", list_handlers(config)},
          {"warnings", find_warnings(config)}};
}

const config::Config& load(Program& program) {
  const auto& config = program.config();
  if (config.file.empty())
    throw ConfigError(
        "no configuration file found: write ./schedctl.toml or name one with --config");
  return config;
}

// The name of a file may hold any bytes, which JSON cannot.
void print_object(const nlohmann::ordered_json& object, Program& program) {
  program.print(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                "\n");
}

ExitCode print_json(Program& program) {
  try {
    print_object(describe(load(program)), program);
    return ExitCode::ok;
  } catch (const ConfigError& error) {
    print_object({{"schema_version", 1},
                  {"file", nullptr},
                  {"valid", false},
                  {"error", error.what()},
                  {"handlers", nlohmann::ordered_json::array()},
                  {"warnings", nlohmann::ordered_json::array()}},
                 program);
    return error.code();
  }
}

ExitCode validate(Program& program) {
  if (program.json) return print_json(program);
  const auto& config = load(program);
  const auto warnings = find_warnings(config);
  for (const auto& warning : warnings) program.print("warning: " + escape_control(warning) + "\n");
  const auto count = list_handlers(config).size();
  program.print(fmt::format("{}: ok, {} handler{}\n", escape_control(config.file), count,
                            count == 1 ? "" : "s"));
  return ExitCode::ok;
}

}  // namespace

void add_validate(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("validate", "Check the configuration without a database");
  command->callback([&program] { program.action = [&program] { return validate(program); }; });
}

}  // namespace schedctl::cli
