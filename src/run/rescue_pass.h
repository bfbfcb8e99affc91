// Rescue pass: what a run without a heartbeat does for the jobs of dead workers.
#pragma once

#include <set>
#include <string>

#include "config/config.h"
#include "db/connection.h"
#include "run/death.h"

namespace schedctl::run {

// One look; rescues whoever is proven dead by it. Says whether a lock was missing, which a second
// look may prove.
struct Pass {
  Toll toll;
  bool suspects = false;
  std::set<std::string> lock_files;  // of all that were registered
};
Pass rescue_pass(db::Connection& connection, const config::Config& config);

// Two looks where the first shows a suspect: for a run that has nothing else to do.
Toll rescue_dead(db::Connection& connection, const config::Config& config);

// The same evidence, but nothing is changed: how many would be rescued.
Toll count_dead(db::Connection& connection, const config::Config& config);

}  // namespace schedctl::run
