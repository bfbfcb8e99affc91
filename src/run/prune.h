// Prune: at its end, a run deletes the history that has outlived its retention, a little at a time.
#pragma once

#include "config/config.h"
#include "db/connection.h"
#include "util/clock.h"

namespace schedctl::run {

// Small batches, each its own transaction, until nothing is left, a few seconds are over, or a
// signal came. What unfinished jobs have left is kept. A fault of the database is logged, not
// thrown: the next run goes on.
void prune(db::Connection& connection, const config::Retention& retention,
           const DatabaseClock& clock);

}  // namespace schedctl::run
