// schedctl next NAME -- the next slots of a definition, without a database.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/next_page.h"
#include "schedule/definition.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::optional<std::string> name, cron, timezone, from, to;
  std::string count = "5";
};

const config::Definition& find_definition(const std::string& name, const config::Config& config) {
  const auto found = config.definitions.find(name);
  if (found != config.definitions.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, definition] : config.definitions) names.push_back(known);
  const auto near = suggestion(name, names);
  throw DataError(
      fmt::format("no definition \"{}\" in {}: {}", escape_control(name),
                  config.file.empty() ? "this configuration" : escape_control(config.file),
                  near ? fmt::format("did you mean \"{}\"?", escape_control(*near))
                       : "\"schedctl validate --json\" lists all"));
}

// Fills in what is asked about: a definition, or an expression of the command line.
void find_subject(const Options& options, Program& program, NextSlots& next) {
  schedule::Zones zones;
  if (options.cron) {
    schedule::Written written;
    written.cron = options.cron;
    written.timezone = options.timezone;
    next.schedule = schedule::read_schedule(written, zones);
    return;
  }
  if (!options.name) throw UsageError("next needs the name of a definition, or --cron");
  next.definition = &find_definition(*options.name, program.config());
  next.delay = schedule::delay_of(*next.definition);
  if (next.definition->has_schedule())
    next.schedule = schedule::read_schedule(*next.definition, zones);
}

Time read_time(const char* option, const std::string& text, const schedule::Zone& zone) {
  try {
    return schedule::read_instant(option, text, zone);
  } catch (const DataError& error) {
    throw UsageError(error.what());
  }
}

void read_span(const Options& options, NextSlots& next) {
  const auto zone = next.schedule ? next.schedule->zone : schedule::Zone();
  next.from = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  if (options.from) next.from = read_time("--from", *options.from, zone);
  if (options.to) next.to = read_time("--to", *options.to, zone);
  if (next.to && *next.to <= next.from)
    throw UsageError("--to is not later than --from: give a later time");
}

ExitCode next(const Options& options, Program& program) {
  const auto most = static_cast<std::size_t>(parse_limit(options.count, "--count"));
  NextSlots next;
  find_subject(options, program, next);
  read_span(options, next);
  if (next.schedule)
    next.slots =
        slots_between(*next.schedule, next.from, next.to.value_or(schedule::slots_end), most + 1);
  next.more = next.slots.size() > most;
  if (next.more) next.slots.pop_back();
  program.print(program.json ? next_json(next) : next_page(next));
  return ExitCode::ok;
}

}  // namespace

void add_next(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("next", "The next slots of a definition, without a database");
  auto* name = command->add_option("name", options->name, "The definition");
  auto* cron = command->add_option("--cron", options->cron, "Slots of this expression instead")
                   ->type_name("EXPRESSION")
                   ->excludes(name);
  command->add_option("--timezone", options->timezone, "Its zone; default: the system's")
      ->type_name("ZONE")
      ->needs(cron);
  command->add_option("--count", options->count, "At most this many (5)")->type_name("N");
  command
      ->add_option("--from", options->from,
                   "The first instant: RFC 3339, or without an offset in the definition's zone")
      ->type_name("TIME");
  command->add_option("--to", options->to, "Only slots before this instant")->type_name("TIME");
  command->callback([options, &program] {
    program.action = [options, &program] { return next(*options, program); };
  });
}

}  // namespace schedctl::cli
