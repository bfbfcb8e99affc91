// Heartbeat: keeps a worker alive in the eyes of others, from a thread of its own, and looks after
// the dead. It renews the lease each second; when it cannot, the worker gives up before anybody may
// take its jobs. DESIGN section 7.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "config/config.h"
#include "queue/worker.h"
#include "run/death.h"
#include "util/private_file.h"
#include "util/reaper.h"

namespace schedctl::run {

// Silence of the server for this long: handlers are killed. Less than the time after which the
// server may free the lock.
inline constexpr std::chrono::milliseconds silence_limit{6000};
// What is kept of the lease for the handlers' end when nothing but its end lets others take the
// jobs: the server is known to be down, or the database is pooled.
inline constexpr std::chrono::milliseconds lease_margin{2000};
// After so long a silence the reapers kill on their own clock.
Duration reapers_patience(const config::Config& config);

class Heartbeat {
 public:
  struct Hooks {
    std::function<void(const std::vector<job::ExecutionId>&)>
        cancelled;                   // somebody wants these stopped
    std::function<void()> rescued;   // jobs of a dead worker are due again
    std::function<void()> enqueued;  // there may be jobs; only of a worker that lingers
    std::function<void()> lost;      // all claims are lost: stop everything
    // This socket is the session now. False: not everybody could be told, to be called again.
    std::function<bool(int)> session;
    // The worker could not be removed at the end: others have to find out that it is dead.
    std::function<void()> left_behind;
  };

  // Connects and registers the worker; with process.linger it listens for jobs. Throws
  // DatabaseError.
  Heartbeat(const config::Config& config, queue::Registration registration, OwnerSigns& signs,
            Hooks hooks);
  // Stops and removes the worker, if it has no jobs left.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // With what this run has seen of other workers before. To be called before start().
  void go_on_watching(const DeathWatch& watch);
  // Starts the thread; the hooks may be called from now on, until stop() has returned.
  void start();
  void stop();
  // No jobs are wanted any more: at the next renewal, their notifications end. Thread-safe.
  void stop_listening() { wants_jobs_ = false; }

  job::WorkerId worker() const { return worker_; }
  bool lost() const { return lost_; }
  // A worker that was suspect then is neither proven dead nor seen alive yet; not for long.
  // Thread-safe.
  bool awaits_evidence() const;
  // Until then nobody else may take this worker's jobs.
  std::chrono::steady_clock::time_point safe_until() const;

 private:
  void run(const std::stop_token& stop);
  void rest(const std::stop_token& stop);
  void beat();

  void renew();
  void look_after_the_dead();
  bool reconnect();
  bool must_give_up(std::chrono::steady_clock::time_point now);
  void after_failure(const std::exception& e);
  void acknowledge(std::chrono::steady_clock::time_point asked);
  void give_up(const std::string& why);
  void declared_dead();
  bool deregister();

  const config::Config& config_;
  queue::Registration registration_;
  OwnerSigns& signs_;
  Hooks hooks_;
  std::optional<db::Connection> connection_;
  DeathWatch watch_;
  std::atomic<bool> suspects_{false};
  std::chrono::steady_clock::time_point evidence_by_;
  job::WorkerId worker_ = 0;
  std::atomic<bool> lost_{false};
  const bool pooled_;  // no session, so none to lock, to watch or to listen on
  bool registered_ = true;  // as far as this worker knows
  bool server_down_ = false;
  std::optional<std::chrono::steady_clock::time_point> lost_at_;  // when the session was lost
  std::atomic<std::chrono::steady_clock::time_point> acknowledged_;
  std::chrono::steady_clock::time_point next_renewal_;
  std::atomic<bool> wants_jobs_;
  bool listening_ = false;
  bool session_told_ = false;
  Fd stop_event_;
  std::jthread thread_;  // last: ends first
};

}  // namespace schedctl::run
