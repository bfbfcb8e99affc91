// schedctl validate -- check the configuration file without a database.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr const char* usual_path = "/usr/local/bin:/usr/bin:/bin";

bool is_program(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

// PATH as the command will see it.
std::string search_path(const config::CommandHandler& command) {
  if (const auto own = command.env.find("PATH"); own != command.env.end()) return own->second;
  const char* inherited = std::getenv("PATH");
  return inherited != nullptr ? inherited : usual_path;
}

bool can_start(const config::CommandHandler& command) {
  const std::string& program = command.argv[0];
  const std::string cwd = command.cwd.empty() ? "/" : command.cwd;
  if (program.starts_with('/')) return is_program(program);
  if (program.find('/') != std::string::npos) return is_program(cwd + "/" + program);
  const std::string path = search_path(command);
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    if (is_program(path.substr(begin, end - begin) + "/" + program)) return true;
    begin = end + 1;
  }
  return false;
}

std::vector<std::string> find_warnings(const config::Config& config) {
  std::vector<std::string> warnings;
  for (const auto& [name, handler] : config.handlers) {
    const auto* command = std::get_if<config::CommandHandler>(&handler.how);
    if (command == nullptr || can_start(*command)) continue;
    warnings.push_back(
        fmt::format("{}: handler {}: program {} is not found{}: install it or "
                    "name its whole path",
                    handler.place.text(), name, command->argv[0],
                    command->argv[0].find('/') == std::string::npos ? " in PATH" : ""));
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
  for (const auto& warning : find_warnings(config))
    program.print("warning: " + escape_control(warning) + "\n");
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
