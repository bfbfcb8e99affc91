// schedctl definitions -- what is planned, when it runs next and how its last run ended.
#include "observe/definitions.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "db/transaction.h"
#include "schedule/describe.h"
#include "schedule/stored.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

// In words; as written where this host lacks the zone or is too old for the schedule.
std::string trigger_of(const observe::Definition& definition, schedule::Zones& zones) {
  if (!definition.written) return "by hand only";
  try {
    const auto written = schedule::read_written(*definition.written, definition.timezone);
    return schedule::describe(schedule::read_schedule(written, zones));
  } catch (const DataError&) {
    return definition.schedule.value_or("") + ", " + definition.timezone;
  }
}

std::string state_of(const observe::Definition& definition) {
  if (definition.state != "paused" || !definition.paused_until) return definition.state;
  return "paused until " + show(definition.paused_until);
}

std::string last_of(const observe::Definition& definition) {
  if (!definition.last_status) return "-";
  return fmt::format("{} {}", *definition.last_status, show(definition.last_finished_at));
}

std::string table_of(const std::vector<observe::Definition>& all, schedule::Zones& zones) {
  using Kind = Column::Kind;
  Table table({{"NAME"},
               {"TRIGGER"},
               {"HANDLER"},
               {"STATE", Kind::fixed},
               {"NEXT RUN", Kind::fixed},
               {"LAST RUN", Kind::fixed}});
  std::string differences;
  for (const auto& one : all) {
    table.add({one.name,
               trigger_of(one, zones),
               one.handler,
               {state_of(one), one.state == "active" ? Color::none : Color::yellow},
               show(one.next_run_at),
               {last_of(one), color_of_status(one.last_status.value_or(""))}});
    if (!one.differing_hosts.empty())
      differences += fmt::format("{}: declared differently by {}\n", one_line(one.name),
                                 one_line(one.differing_hosts));
  }
  return table.text(terminal_width(), use_colors()) + differences;
}

std::string json_of(const std::vector<observe::Definition>& all, schedule::Zones& zones) {
  std::vector<std::string> rows;
  for (const auto& one : all) {
    auto row = one.json;
    row.insert(row.size() - 1, ",\"trigger\":" + json_string(trigger_of(one, zones)));
    rows.push_back(std::move(row));
  }
  return fmt::format("{{\"schema_version\":1,\"definitions\":{}}}\n", json_array(rows));
}

ExitCode definitions(Program& program) {
  const auto all = [&] {
    db::Connection connection(program.config().database);
    db::Transaction tx(connection, db::autocommit);
    return observe::definitions(tx);
  }();
  schedule::Zones zones;
  if (program.json)
    program.print(json_of(all, zones));
  else if (all.empty())
    program.print("no definitions: a run of \"schedctl process\" takes them from the file\n");
  else
    program.print(table_of(all, zones));
  return ExitCode::ok;
}

}  // namespace

void add_definitions(CLI::App& app, Program& program) {
  auto* command =
      app.add_subcommand("definitions", "What is planned, its next run and how the last one ended");
  command->callback([&program] { program.action = [&program] { return definitions(program); }; });
}

}  // namespace schedctl::cli
