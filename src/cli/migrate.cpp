// schedctl migrate -- create or upgrade the schema.
#include "db/migrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  bool print = false;
  bool status = false;
  bool roles = false;
};

db::Connection connect(Program& program) {
  return db::Connection(program.config().database, db::Session::plain);
}

ExitCode print_script(std::string (*script)(const std::string& schema), Program& program) {
  program.print(script(program.config().database.schema));
  return ExitCode::ok;
}

void print_states_json(const std::vector<db::MigrationState>& states, bool current,
                       Program& program) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& state : states) {
    nlohmann::ordered_json entry{{"version", state.version}, {"name", state.name}};
    entry["state"] = state.applied_at ? "applied" : "pending";
    entry["applied_at"] = nullptr;
    entry["applied_by"] = nullptr;
    entry["binary_version"] = nullptr;
    if (state.applied_at) {
      entry["applied_at"] = format_utc(*state.applied_at);
      entry["applied_by"] = state.applied_by;
      entry["binary_version"] = state.binary_version;
    }
    list.push_back(std::move(entry));
  }
  const nlohmann::ordered_json object{{"schema_version", 1},
                                      {"schema", program.config().database.schema},
                                      {"current", current},
                                      {"latest_version", db::latest_version()},
                                      {"migrations", std::move(list)}};
  program.print(object.dump() + "\n");
}

void print_states(const std::vector<db::MigrationState>& states, Program& program) {
  std::size_t width = 4;
  for (const auto& state : states) width = std::max(width, state.name.size());
  program.print(fmt::format("{:>7}  {:<{}}  {:<7}  {:<25}  {}\n", "VERSION", "NAME", width, "STATE",
                            "APPLIED", "BY"));
  for (const auto& state : states)
    if (state.applied_at)
      program.print(fmt::format("{:>7}  {:<{}}  applied  {:<25}  {}\n", state.version,
                                escape_control(state.name), width, format_local(*state.applied_at),
                                escape_control(state.applied_by)));
    else
      program.print(fmt::format("{:>7}  {:<{}}  pending\n", state.version, state.name, width));
}

ExitCode status(Program& program) {
  db::Connection connection(program.config().database);
  const auto states = db::migration_states(connection);
  const bool current =
      states.back().version == db::latest_version() &&
      std::all_of(states.begin(), states.end(), [](const auto& state) { return state.applied_at; });
  program.json ? print_states_json(states, current, program) : print_states(states, program);
  return current ? ExitCode::ok : ExitCode::failed;
}

ExitCode migrate(Program& program) {
  auto connection = connect(program);
  auto applied = nlohmann::ordered_json::array();
  db::migrate(connection, [&](const db::Migration& step) {
    applied.push_back(step.name);
    if (!program.json) program.print(fmt::format("applied {}\n", step.name));
  });
  const auto& schema = program.config().database.schema;
  const int version = db::latest_version();
  if (program.json)
    program.print(nlohmann::ordered_json{{"schema_version", 1},
                                         {"schema", schema},
                                         {"version", version},
                                         {"applied", std::move(applied)}}
                      .dump() +
                  "\n");
  else if (applied.empty())
    program.print(fmt::format("schema {} is at version {}, nothing to do\n", escape_control(schema),
                              version));
  return ExitCode::ok;
}

}  // namespace

void add_migrate(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("migrate", "Create or upgrade the schema");
  auto* print = command->add_flag("--print", options->print, "Print the SQL; needs no database");
  command
      ->add_flag("--status", options->status,
                 "Which steps are applied; exit code 1 when some are pending")
      ->excludes(print);
  command
      ->add_flag("--roles", options->roles,
                 "Print the SQL that makes roles and grants their rights; needs no database")
      ->excludes(print)
      ->excludes("--status");
  command->callback([options, &program] {
    program.action = [options, &program] {
      if (options->print) return print_script(db::migration_script, program);
      if (options->roles) return print_script(db::roles_script, program);
      return options->status ? status(program) : migrate(program);
    };
  });
}

}  // namespace schedctl::cli
