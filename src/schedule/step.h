// Step: what planning does about one definition that is due. Pure, so that pretend time is planned
// by the same rules.
#pragma once

#include <optional>
#include <string>

#include "schedule/dependencies.h"
#include "schedule/misfire.h"

namespace schedctl::schedule {

struct Due {
  std::string name;
  Schedule schedule;
  Policies policies;
  DueSlots slots;
  bool unfinished = false;  // an earlier run of it is not over
};

struct Step {
  // Since when it has waited for dependencies, and goes on doing so; nothing else is set then but
  // look_at, before which looking again makes no sense.
  std::optional<Time> waiting_since;
  std::optional<Time> look_at;

  Verdict verdict;
  std::optional<Time> next_run;  // none: no slot comes any more
  bool cancels = false;          // its unfinished jobs have to make place for the runs
};

Step step(Due due, const Dependencies& dependencies);

}  // namespace schedctl::schedule
