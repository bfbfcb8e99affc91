// schedctl simulate -- what would run between two instants, by the planner's own rules.
#include "schedule/simulate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/instant.h"
#include "cli/output.h"
#include "db/transaction.h"
#include "schedule/pretend.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

using namespace std::chrono_literals;

constexpr Duration guessed_duration = 1s;
constexpr std::size_t most = 100'000;

struct Options {
  std::optional<std::string> from, to, duration, tick;
};

// An instant, or a duration from `origin`.
Time read_time(const std::string& option, const std::string& text, Time origin) {
  return is_duration(text) ? origin + read_duration(option, text) : read_instant(option, text);
}

struct Pretence {
  schedule::Simulation simulation;
  schedule::Pretended pretended;
};

Pretence prepare(const Options& options, Program& program) {
  const auto& config = program.config();
  std::optional<Duration> duration;
  if (options.duration) duration = read_duration("--duration", *options.duration);
  Pretence pretence;
  auto& simulation = pretence.simulation;
  if (options.tick)
    simulation.tick = read_duration("--tick", *options.tick);
  else if (config.process.linger > 0s)
    simulation.tick = 0s;

  db::Connection connection(config.database);
  db::Transaction tx(connection, db::autocommit);
  const Time now = tx.now();
  simulation.from = options.from ? read_time("--from", *options.from, now) : now;
  simulation.to = read_time("--to", options.to.value_or("1d"), simulation.from);
  if (simulation.to <= simulation.from)
    throw DataError(fmt::format("--to {} is not later than --from {}: correct one of them",
                                format_utc(simulation.to), format_utc(simulation.from)));
  schedule::Zones zones;
  pretence.pretended = schedule::pretend(tx, zones, duration, guessed_duration);
  simulation.definitions = pretence.pretended.definitions;
  simulation.places = config.process.max_concurrent_jobs;
  for (const auto& [type, handler] : config.handlers)
    if (handler.concurrency_limit)
      simulation.type_limits.emplace_back(type, *handler.concurrency_limit);
  return pretence;
}

std::string json_of(const Pretence& pretence, const schedule::Simulated& simulated) {
  std::vector<std::string> runs, skipped;
  for (const auto& run : simulated.runs)
    runs.push_back(fmt::format(
        R"({{"definition":{},"slot":"{}","starts_at":"{}","ends_at":"{}","cancelled":{}}})",
        json_string(run.definition), format_utc(run.slot), format_utc(run.starts_at),
        format_utc(run.ends_at), run.cancelled));
  for (const auto& [definition, at, gap] : simulated.gaps)
    skipped.push_back(fmt::format(
        R"({{"definition":{},"first":"{}","last":"{}","count":{},"reason":"{}","at":"{}"}})",
        json_string(definition), format_utc(gap.slots.first), format_utc(gap.slots.last),
        gap.slots.count, schedule::name_of(gap.reason), format_utc(at)));
  const auto& simulation = pretence.simulation;
  return fmt::format(
      R"({{"schema_version":1,"from":"{}","to":"{}","complete":{},"never_started":{},"runs":{},"skipped":{}}})"
      "\n",
      format_utc(simulation.from), format_utc(simulation.to), simulated.complete,
      simulated.never_started, json_array(runs), json_array(skipped));
}

// Runs and gaps in the order of their times.
std::string table_of(const schedule::Simulated& simulated) {
  using Kind = Column::Kind;
  Table table({{"AT", Kind::fixed}, {"DEFINITION"}, {"TAKES", Kind::number}, {"REMARK"}});
  auto gap = simulated.gaps.begin();
  const auto add_gaps = [&](Time until) {
    for (; gap != simulated.gaps.end() && gap->at <= until; ++gap)
      table.add(
          {show(gap->at), gap->definition, "-", {"skipped: " + describe(gap->gap), Color::yellow}});
  };
  for (const auto& run : simulated.runs) {
    add_gaps(run.starts_at);
    const auto late = std::chrono::duration_cast<Duration>(run.starts_at - run.slot);
    std::string remark = late >= 1s ? fmt::format("{} after its slot", show(late)) : "";
    if (run.cancelled) remark += remark.empty() ? "cancelled" : ", cancelled";
    table.add({show(run.starts_at), run.definition,
               show(std::chrono::duration_cast<Duration>(run.ends_at - run.starts_at)), remark});
  }
  add_gaps(Time::max());
  return table.text(terminal_width(), use_colors());
}

std::string remarks_on(const Pretence& pretence, const schedule::Simulated& simulated) {
  std::string text;
  for (const auto& name : pretence.pretended.unknown_duration)
    text += fmt::format("{}: no run was completed yet; taken to last {}\n", one_line(name),
                        format_duration(guessed_duration));
  for (const auto& [name, why] : pretence.pretended.unusable)
    text += fmt::format("{}: left out: {}\n", one_line(name), one_line(why));
  if (simulated.never_started > 0)
    text += fmt::format("{} jobs have not started by then\n", simulated.never_started);
  if (!simulated.complete) text += fmt::format("more than {} lines: choose a shorter time\n", most);
  return text;
}

ExitCode simulate(const Options& options, Program& program) {
  const auto pretence = prepare(options, program);
  const auto simulated = schedule::simulate(pretence.simulation, most);
  if (program.json)
    program.print(json_of(pretence, simulated));
  else if (simulated.runs.empty() && simulated.gaps.empty())
    program.print("nothing would run\n" + remarks_on(pretence, simulated));
  else
    program.print(table_of(simulated) + remarks_on(pretence, simulated));
  return ExitCode::ok;
}

}  // namespace

void add_simulate(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "simulate", "What would run between two instants: the planner over pretend time");
  command->add_option("--from", options->from, "From then, or from so long after now (now)")
      ->type_name("TIME|DURATION");
  command->add_option("--to", options->to, "Up to then, or for so long (1d)")
      ->type_name("TIME|DURATION");
  command->add_option("--duration", options->duration, "How long each run takes, instead of usual")
      ->type_name("DURATION");
  command
      ->add_option("--tick", options->tick,
                   "How often a run of schedctl is started (1m); 0s: one is always there")
      ->type_name("DURATION");
  command->callback([options, &program] {
    program.action = [options, &program] { return simulate(*options, program); };
  });
}

}  // namespace schedctl::cli
