// Dispatcher: claims what is due, most urgent first, and hands it to the pool or runs it itself,
// until nothing is due and nothing runs, or until it is told to stop. DESIGN section 3, steps 5
// and 6.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "db/connection.h"
#include "handlers/handler.h"
#include "queue/claim.h"
#include "run/pool.h"
#include "run/recorder.h"

namespace schedctl::run {

class Dispatcher {
 public:
  struct Parts {
    const config::Config& config;
    const handlers::Registry& handlers;
    const DatabaseClock& clock;
    db::Connection& connection;  // for the claims
    Recorder& recorder;
    Pool& pool;
    std::string installation;
    job::WorkerId worker = 0;
    std::vector<std::string> job_types;  // to be claimed
    std::optional<long> limit;           // at most so many jobs
  };

  // `levels`: what a first look into the queue has found.
  Dispatcher(Parts parts, queue::Levels levels);

  // Claims and hands out what can be handed out now. False: nothing could be claimed; wait until
  // something ends, and when nothing runs any more, it is over. Throws DatabaseError.
  bool step();

  // Everything that was seen to be due has been claimed by somebody, or the limit is reached.
  bool nothing_due() const { return nothing_due_; }

  // To be asked when all that was claimed is over: jobs may have fallen due meanwhile, retries and
  // what handlers enqueue. False: it has been looked for since the last claim.
  bool look_again();

  // Others have put jobs back: the next step looks at the queue afresh. Thread-safe.
  void look_soon() { stale_ = true; }

 private:
  enum class Kind { external, in_process };
  struct LevelKey {
    std::string job_type;
    int priority;
    auto operator<=>(const LevelKey&) const = default;
  };

  bool step_external();
  bool step_in_process();
  bool step_interrupted();
  int wanted() const;
  std::vector<job::Claim> claim(Kind kind, int limit, std::optional<bool> interrupted);
  std::vector<queue::Level> top_levels(Kind kind) const;
  std::vector<queue::Claimed> claim_from(const std::vector<queue::Level>& levels, Kind kind,
                                         int limit, std::optional<bool> interrupted);
  void forget(const std::vector<queue::Level>& exhausted);
  void refresh();
  bool limit_reached() const { return parts_.limit && claimed_ >= *parts_.limit; }
  int within_limit(int want) const;
  void run_in_process(std::vector<job::Claim> claims);

  Parts parts_;
  std::vector<queue::Level> levels_;  // that hold due jobs, as far as we know
  std::map<LevelKey, queue::Position> positions_;
  std::chrono::steady_clock::time_point refreshed_;
  bool interrupted_waiting_ = false;
  bool alone_ = false;  // what runs was interrupted before: nothing else may start beside it
  bool nothing_due_ = false;
  std::atomic<bool> stale_{false};
  bool fresh_ = true;  // nothing was claimed from the levels since they were read
  long claimed_ = 0;
  long looked_at_ = 0;  // claimed_ when last looked again
};

}  // namespace schedctl::run
