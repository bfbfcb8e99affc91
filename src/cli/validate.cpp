// schedctl validate -- check the configuration without a database.
#include <fmt/format.h>

#include <cstdlib>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/definition_warnings.h"
#include "cli/programs.h"
#include "schedule/definition.h"
#include "schedule/describe.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr const char* usual_path = "/usr/local/bin:/usr/bin:/bin";

std::string inherited_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : usual_path;
}

// What the configuration says, once it is known to be right.
struct Findings {
  const config::Config& config;
  std::map<std::string, schedule::Schedule> schedules;  // by definition, of those that have one
  Time now;
  std::vector<std::string> warnings;
};

// Throws ConfigError for a program that no run would start, because others may change it.
std::vector<std::string> find_handler_warnings(const config::Config& config) {
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

nlohmann::ordered_json list_definitions(const Findings& findings) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [name, definition] : findings.config.definitions) {
    nlohmann::ordered_json object = {
        {"name", name},        {"handler", definition.handler}, {"enabled", definition.enabled},
        {"schedule", nullptr}, {"timezone", nullptr},           {"next_slot", nullptr}};
    if (const auto found = findings.schedules.find(name); found != findings.schedules.end()) {
      object["schedule"] = describe(found->second);
      object["timezone"] = found->second.zone.name();
      const auto slot = next_slot(found->second, findings.now);
      if (slot) object["next_slot"] = format_utc(slot->utc);
    }
    list.push_back(std::move(object));
  }
  return list;
}

nlohmann::ordered_json describe(const Findings& findings) {
  return {{"schema_version", 1},
          {"file", findings.config.file},
          {"files", findings.config.files},
          {"valid", true},
          {"handlers", list_handlers(findings.config)},
          {"definitions", list_definitions(findings)},
          {"profiles", findings.config.profiles},
          {"warnings", findings.warnings}};
}

std::map<std::string, schedule::Schedule> read_schedules(const config::Config& config) {
  schedule::Zones zones;
  std::map<std::string, schedule::Schedule> schedules;
  for (const auto& [name, definition] : config.definitions)
    if (definition.has_schedule())
      schedules.emplace(name, schedule::read_schedule(definition, zones));
  return schedules;
}

// A mistake in a profile would else wait for the day on which somebody chooses it.
void check_profiles(const config::Config& config, config::Overrides overrides) {
  for (const auto& profile : config.profiles) {
    overrides.profile = profile;
    read_schedules(config::load(overrides));
  }
}

// Throws ConfigError.
Findings examine(Program& program) {
  const auto& config = program.config();
  if (config.file.empty())
    throw ConfigError(
        "no configuration file found: write ./schedctl.toml or name one with --config");
  check_profiles(config, program.overrides);
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  Findings findings{config, read_schedules(config), now, find_handler_warnings(config)};
  for (const auto& [name, definition] : config.definitions) {
    const auto found = findings.schedules.find(name);
    std::ranges::move(
        definition_warnings(
            definition, found != findings.schedules.end() ? &found->second : nullptr, config, now),
        std::back_inserter(findings.warnings));
  }
  return findings;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// The name of a file may hold any bytes, which JSON cannot.
void print_object(const nlohmann::ordered_json& object, Program& program) {
  program.print(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                "\n");
}

ExitCode print_json(Program& program) {
  try {
    print_object(describe(examine(program)), program);
    return ExitCode::ok;
  } catch (const ConfigError& error) {
    const auto none = nlohmann::ordered_json::array();
    print_object({{"schema_version", 1},
                  {"file", nullptr},
                  {"files", none},
                  {"valid", false},
                  {"error", error.what()},
                  {"handlers", none},
                  {"definitions", none},
                  {"profiles", none},
                  {"warnings", none}},
                 program);
    return error.code();
  }
}

ExitCode validate(Program& program) {
  if (program.json) return print_json(program);
  const auto findings = examine(program);
  for (const auto& warning : findings.warnings)
    program.print("warning: " + escape_control(warning) + "\n");
  const auto& config = findings.config;
  std::string counts = counted(list_handlers(config).size(), "handler");
  if (!config.definitions.empty())
    counts += ", " + counted(config.definitions.size(), "definition");
  program.print(fmt::format("{}: ok, {}\n", escape_control(config.file), counts));
  return ExitCode::ok;
}

}  // namespace

void add_validate(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("validate", "Check the configuration without a database");
  command->callback([&program] { program.action = [&program] { return validate(program); }; });
}

}  // namespace schedctl::cli
