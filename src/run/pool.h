// Pool: the threads of one run that execute handlers, one per place, each with a reaper. Every
// handler in flight holds one of the host's places.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "config/config.h"
#include "handlers/handler.h"
#include "run/host_lock.h"
#include "run/recorder.h"
#include "util/reaper.h"

namespace schedctl::run {

class Pool {
 public:
  struct Parts {
    const config::Config& config;
    const handlers::Registry& handlers;
    const DatabaseClock& clock;
    Recorder& recorder;
    std::function<void()> changed;  // more claims are wanted, or nothing runs any more; called
                                    // from a handler's thread
  };

  // `reapers` is one for each thread, or empty when no handler needs them.
  Pool(Parts parts, int threads, std::vector<Reaper> reapers);
  ~Pool();  // gives back what was not started and waits for what runs
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Takes places of the host up to the number of threads and says how many are ours now, busy ones
  // included. They stay ours until release_idle() or give_back_queued().
  int reserve();
  // Lets other runs of this host have the places that no claim waits for.
  void release_idle();
  // Queues claims, all at once: a place that none of them waits for goes to other runs. Each starts
  // as soon as one of our places is free.
  void add(std::vector<job::Claim> claims);

  // So few claims left in the queue are to be told of; none unless set.
  void set_low_water(std::size_t claims) { low_water_ = claims; }

  std::size_t queued() const;
  std::size_t queued_payload_bytes() const;
  std::size_t running() const;
  bool idle() const;
  // How long handlers took lately; zero: none has ended yet.
  std::chrono::microseconds usual_duration() const;
  // Since when the handler that has run longest runs.
  std::chrono::steady_clock::time_point oldest_start() const;

  // Handlers cannot be started, for want of processes, memory, descriptors or reapers: claim no
  // more.
  bool starved() const { return starved_; }

  // The end of claiming: gives back the claims that were not started, and from now on each place as
  // soon as it is free.
  void give_back_queued();
  // Ends handlers in their own way (TERM first); again with kill = true: at once.
  void stop_all(handlers::StopReason reason, bool kill = false);
  // Tells the reapers which session the claims depend on. False: some could not be told now.
  bool watch_session(int socket);
  // Somebody wants these not to go on, whether they run or wait for a place.
  void cancel(const std::vector<job::ExecutionId>& executions);

 private:
  struct Running {
    job::ExecutionId execution = 0;
    std::chrono::steady_clock::time_point started;
    std::stop_source stop;
    std::atomic<handlers::StopReason> reason{handlers::StopReason::none};
    std::atomic<bool> kill{false};
  };

  void work(const std::stop_token& ending, Reaper* reaper);
  void execute(const job::Claim& claim, Running& running, Reaper* reaper, int place);
  job::Outcome outcome_of(const job::Claim& claim, Running& running, Reaper* reaper, int place);
  handlers::Context context_for(const job::Claim& claim, Running& running, Reaper* reaper,
                                int place);
  void starve(const job::Claim& claim, const std::string& why);
  void retire();
  void release_places_if_idle();
  queue::Settled settled_of(const job::Claim& claim, job::Outcome outcome,
                            std::optional<Time> started) const;
  void record(const job::Claim& claim, job::Outcome outcome, std::optional<Time> started);

  const Parts parts_;
  mutable std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<job::Claim> ready_;
  std::list<Running> running_;
  Places places_;
  std::vector<int> free_places_;  // ours, without a handler
  bool may_claim_ = true;         // more claims may come
  double usual_us_ = 0;
  std::atomic<bool> starved_{false};
  std::atomic<std::size_t> low_water_{0};
  std::size_t size_;  // threads that still work
  std::vector<Reaper> reapers_;
  std::vector<std::jthread> threads_;
};

}  // namespace schedctl::run
