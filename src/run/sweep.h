// Sweep: takes, runs and records jobs that need no time, a batch in one transaction. No lease and
// no fence: until the commit nothing has happened, and nobody else can have the rows.
#pragma once

#include <string>

#include "db/connection.h"
#include "handlers/handler.h"
#include "queue/settle.h"
#include "run/backlog.h"
#include "util/clock.h"

namespace schedctl::run {

// Runs a job of an in-process type, or finds it expired.
queue::Settled run_at_once(const handlers::Registry& handlers, const DatabaseClock& clock,
                           job::Claim claim);

class Sweep {
 public:
  struct Parts {
    const handlers::Registry& handlers;
    const DatabaseClock& clock;
    std::string worker;  // its name in the history
  };
  explicit Sweep(Parts parts) : parts_(std::move(parts)) {}

  // Up to `limit` jobs of these levels, which are of one priority and class, open or guarded, and
  // of in-process types without limits. Says how many; fewer than `limit`: what is left is held by
  // others, waits for its group, or has expired. Throws DatabaseError: then nothing has happened,
  // unless it was the commit whose answer got lost.
  int batch(db::Connection& connection, const Backlog::Levels& levels, int limit);

 private:
  Parts parts_;
  Backlog positions_;  // how far this sweep has come
};

}  // namespace schedctl::run
