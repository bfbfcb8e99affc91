// Work: the part of a tick that is a worker: registered, with a heartbeat, places, reapers and a
// recorder, until nothing is due and nothing runs, unless it lingers, the window is over, or it
// must stop.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "db/connection.h"
#include "queue/claim.h"
#include "run/death.h"
#include "run/host_lock.h"
#include "run/planner.h"
#include "run/tick.h"
#include "util/clock.h"

namespace schedctl::run {

struct WorkOrder {
  const config::Config& config;
  const TickOptions& options;
  const std::vector<std::string>& job_types;
  const DatabaseClock& clock;
  std::string installation;
  std::chrono::steady_clock::time_point window_end;  // of claiming
  const std::optional<DeathWatch>& watch;            // what was seen of other workers
  Planner& planner;
};

// `connection` is used for the claims; `waiting` is what waits. Gives the host lock back when the
// claim window is over. Throws Error when the worker cannot be set up, or when it ended before its
// work was stored (75).
ExitCode work(const WorkOrder& order, db::Connection& connection, queue::Waiting waiting,
              HostLock& host_lock);

}  // namespace schedctl::run
