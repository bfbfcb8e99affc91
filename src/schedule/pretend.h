// Pretend: the definitions that are in force, as a simulation takes them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "schedule/simulate.h"
#include "schedule/zones.h"

namespace schedctl::schedule {

struct Pretended {
  std::vector<SimulatedDefinition> definitions;
  std::vector<std::string> unknown_duration;  // names of which no run was ever completed
  std::vector<std::pair<std::string, std::string>> unusable;  // name, why
};

// Runs take `duration`, or when it is not set what they usually took; `otherwise` where that is not
// known. Throws DatabaseError.
Pretended pretend(db::Transaction& tx, Zones& zones, const std::optional<Duration>& duration,
                  Duration otherwise);

}  // namespace schedctl::schedule
