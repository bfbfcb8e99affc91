// Dispatcher: claims what is due, most urgent first, and hands it to the pool or runs it itself,
// until nothing is due and nothing runs, or until it is told to stop. DESIGN section 3, steps 5
// and 6.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "db/connection.h"
#include "handlers/handler.h"
#include "queue/claim.h"
#include "run/backlog.h"
#include "run/planner.h"
#include "run/pool.h"
#include "run/recorder.h"
#include "run/sweep.h"

namespace schedctl::run {

class Dispatcher {
 public:
  struct Parts {
    const config::Config& config;
    const handlers::Registry& handlers;
    const DatabaseClock& clock;
    db::Connection& connection;  // for the claims
    Planner& planner;
    Recorder& recorder;
    Pool& pool;
    std::string installation;
    job::WorkerId worker = 0;
    std::vector<std::string> job_types;  // to be claimed
    std::optional<long> limit;           // at most so many jobs
  };

  // `waiting`: what a first look into the queue has found.
  Dispatcher(Parts parts, queue::Waiting waiting);

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
  // Jobs have been enqueued: the next step that has nothing else to hand out looks for them.
  // Thread-safe.
  void hear_of_jobs() { news_ = true; }

  // No more jobs may be claimed.
  bool limit_reached() const { return parts_.limit && claimed_ >= *parts_.limit; }
  // When step() had nothing to do: so long none is needed, unless something ends or is heard of.
  std::chrono::milliseconds rest() const;

 private:
  // Which jobs: run by the pool; run by it with nothing beside them, because they were interrupted
  // before; run at once, here or by the recorder.
  enum class Kind { external, interrupted, in_process };

  bool step_external();
  bool step_in_process();
  bool sweep(const Backlog::Levels& levels);
  int sweep_here(const Backlog::Levels& levels, int limit);
  bool has_limit(const queue::Level& level) const;
  bool step_interrupted();
  int wanted() const;
  Backlog::Levels top_levels(Kind kind) const;
  std::vector<job::Claim> claim(Kind kind, int limit);
  std::vector<queue::Claimed> claim_from(const Backlog::Levels& levels, Kind kind, int limit);
  void give_back_again();
  std::vector<queue::Claimed> claim_open(queue::ClaimRequest request);
  std::vector<queue::Claimed> claim_guarded(queue::ClaimRequest request,
                                            queue::ClaimClass claim_class);
  void load_payloads(std::vector<job::Claim>& claims);
  bool must_look();
  bool is_due(const std::optional<Time>& time) const;
  bool falls_due() const;
  bool may_retry_blocked() const;
  std::chrono::steady_clock::duration patience() const;
  bool held_by_others();
  queue::Waiting look() const;
  void refresh();
  void look_at(queue::Waiting waiting);
  int within_limit(int want) const;
  void run_in_process(std::vector<job::Claim> claims);

  Parts parts_;
  Backlog backlog_;
  Sweep sweep_;
  std::shared_ptr<Sweep>
      second_sweep_;  // works on the recorder's thread, which outlives this object
  // Of a claim whose answer got lost, and when.
  std::string doubtful_token_;
  std::chrono::steady_clock::time_point doubtful_since_;
  const std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point plan_again_;  // not before
  std::chrono::steady_clock::time_point refreshed_;
  std::chrono::steady_clock::time_point interrupted_again_;  // not to be tried before
  bool alone_ = false;  // what runs was interrupted before: nothing else may start beside it
  bool nothing_due_ = false;
  bool blocked_ = false;    // due jobs wait for others of their group, or for their limit
  bool found_due_ = false;  // by the last look
  std::optional<std::chrono::steady_clock::time_point> held_since_;
  long stored_before_ = 0;  // outcomes, when the levels were read
  std::atomic<bool> stale_{false};
  std::atomic<bool> news_{false};
  bool fresh_ = true;                 // nothing was claimed from the levels since they were read
  long most_by_payload_ = 1'000'000;  // to be claimed at once, as their payloads are large
  long claimed_ = 0;
  long looked_at_ = 0;  // claimed_ when last looked again
};

}  // namespace schedctl::run
