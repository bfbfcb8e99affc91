// Simulate: what would run between two instants, by the planner's own rules, over pretend time and
// with pretend durations. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schedule/misfire.h"

namespace schedctl::schedule {

struct SimulatedDefinition {
  std::string name;
  std::string handler;
  std::optional<Schedule> schedule;  // none: it is not planned, and others may depend on it
  Policies policies;
  int priority = 5;
  std::optional<int> limit;                    // of its jobs that run at once
  std::string group;                           // empty: none
  Duration duration{0};                        // of each of its runs
  std::optional<std::pair<Time, Time>> pause;  // since (inclusive), until (exclusive)
};

struct Simulation {
  std::vector<SimulatedDefinition> definitions;
  Time from;  // nothing waits or runs then, and every last run was good
  Time to;    // no slot from here on
  // A run of schedctl is started so often, beginning at the full minute; zero: one is always there.
  Duration tick = std::chrono::minutes(1);
  int places = 3;                                        // handlers at a time
  std::vector<std::pair<std::string, int>> type_limits;  // concurrency_limit of handlers
};

struct SimulatedRun {
  std::string definition;
  Time slot;
  Time starts_at;
  Time ends_at;
  bool cancelled = false;  // by overlap = "cancel", before its time
};

struct SimulatedGap {
  std::string definition;
  Time at;  // when the planner would come by
  Gap gap;
};

struct Simulated {
  std::vector<SimulatedRun> runs;  // by their start
  std::vector<SimulatedGap> gaps;
  long never_started = 0;  // jobs that still wait for a place or a limit at the end
  bool complete = true;    // false: there are more than `most` runs
};

// Stops after `most` runs and gaps. Runs that begin before `to` are followed to their end.
Simulated simulate(const Simulation& simulation, std::size_t most);

}  // namespace schedctl::schedule
