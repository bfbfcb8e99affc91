// Rescue pass: what a run without a heartbeat does for the jobs of dead workers.
#pragma once

#include "config/config.h"
#include "db/connection.h"
#include "run/death.h"

namespace schedctl::run {

// One look; rescues whoever is proven dead by it. Remembers the suspects, whom another look may
// prove dead.
DeathWatch rescue_pass(db::Connection& connection, const config::Config& config);

// Looks again until it is clear who of the suspects is dead: for whoever has nothing else to do.
Toll rescue_dead(db::Connection& connection, const config::Config& config);
// Goes on from the look that `watch` remembers.
Toll rescue_suspects(DeathWatch watch, db::Connection& connection, const config::Config& config);

// The same evidence, but nothing is changed: how many would be rescued.
Toll count_dead(db::Connection& connection, const config::Config& config);

}  // namespace schedctl::run
