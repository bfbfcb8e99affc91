#include "cli/definition_warnings.h"

#include <fmt/format.h>

#include "schedule/traps.h"

namespace schedctl::cli {
namespace {

using config::Definition;
using std::chrono::microseconds;

class Warnings {
 public:
  explicit Warnings(const Definition& definition) : definition_(definition) {}

  void add(std::string_view key, const std::string& text) {
    lines_.push_back(
        fmt::format("{}: job {}: {}", definition_.place_of(key).text(), definition_.name, text));
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  const Definition& definition_;
  std::vector<std::string> lines_;
};

std::string_view schedule_key(const Definition& definition) {
  if (definition.schedule.every) return "every";
  return definition.schedule.at ? "at" : "cron";
}

// What becomes of a slot while the job before it is unfinished; empty when nothing is lost.
std::string_view consequence(const Definition& definition) {
  switch (definition.overlap) {
    case Definition::Overlap::skip:
      return "overlap = \"skip\" leaves out the slots that fall into a longer run";
    case Definition::Overlap::queue:
      return "overlap = \"queue\" lets jobs pile up behind longer runs";
    case Definition::Overlap::cancel:
      return "overlap = \"cancel\" ends longer runs";
    case Definition::Overlap::allow:
      return definition.limit() ? "concurrency_limit lets jobs pile up behind longer runs" : "";
  }
  return "";
}

void check_timeout(const Definition& definition, const schedule::Schedule& schedule,
                   const config::Config& config, Time now, Warnings& warnings) {
  const auto timeout =
      definition.timeout ? definition.timeout : config.handlers.at(definition.handler).timeout;
  const auto effect = consequence(definition);
  if (!timeout || effect.empty()) return;
  const auto gap = schedule::shortest_gap(schedule, now);
  if (!gap || *gap >= microseconds(*timeout)) return;
  warnings.add(schedule_key(definition),
               fmt::format("slots come up to {} apart, which is less than the timeout {}: {}",
                           format_duration(std::chrono::floor<Duration>(*gap)),
                           format_duration(*timeout), effect));
}

void check_dependencies(const Definition& definition, const config::Config& config,
                        Warnings& warnings) {
  for (const auto& name : definition.depends_on)
    if (!config.definitions.at(name).enabled)
      warnings.add("depends_on",
                   fmt::format("it waits for {}, which is not enabled, so its slots are skipped: "
                               "enable that, or remove it here",
                               name));
}

}  // namespace

std::vector<std::string> definition_warnings(const Definition& definition,
                                             const schedule::Schedule* schedule,
                                             const config::Config& config, Time now) {
  Warnings warnings(definition);
  if (schedule) {
    for (const auto& trap : schedule::find_traps(*schedule, now))
      warnings.add(schedule_key(definition), trap);
    check_timeout(definition, *schedule, config, now, warnings);
  }
  check_dependencies(definition, config, warnings);
  return warnings.take();
}

}  // namespace schedctl::cli
