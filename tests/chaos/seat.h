// Seat: where a run of schedctl is started again and again, as cron would, only sooner.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "chaos/arena.h"
#include "chaos/dice.h"

namespace schedctl::chaos {

using Clock = std::chrono::steady_clock;

class Seat {
 public:
  Seat(const Arena& arena, int host, Dice& dice);

  // Starts a run when its time has come, and takes leave of one that has ended. Returns what was
  // wrong with its end, or "".
  std::string tend(bool may_start);

  test::Process* run() { return run_ ? &*run_ : nullptr; }
  pid_t pid() const { return run_ ? run_->pid() : 0; }

  void signal(int number);
  void freeze(Clock::time_point until);
  void thaw();
  bool frozen() const { return thaw_at_.has_value(); }
  bool thaws_now() const { return thaw_at_ && Clock::now() >= *thaw_at_; }
  Clock::duration frozen_for() const { return Clock::now() - frozen_at_; }

  // Some runs are to be killed soon after their start.
  bool doomed_now() const { return run_ && doom_ && Clock::now() >= *doom_; }
  void pardon() { doom_.reset(); }
  // Its reaper has just been killed: what that left behind is in the run's care for a moment, and
  // nobody could look after it if the run were killed or frozen as well.
  void spare(Clock::duration time) { spared_until_ = Clock::now() + time; }
  bool spared() const { return Clock::now() < spared_until_; }

 private:
  void start();
  std::string fault(const test::ProcessResult& end) const;

  const Arena& arena_;
  const int host_;
  Dice& dice_;
  std::optional<test::Process> run_;
  std::set<int> sent_;  // signals
  Clock::time_point start_at_;
  Clock::time_point end_by_;
  Clock::time_point frozen_at_;
  Clock::time_point spared_until_;
  std::optional<Clock::time_point> thaw_at_, doom_;
};

}  // namespace schedctl::chaos
