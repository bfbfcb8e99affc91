// Torment: hosts that work on one queue while dice decide what is done to them.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "chaos/arena.h"
#include "chaos/dice.h"
#include "chaos/feed.h"
#include "chaos/judge.h"
#include "chaos/recovery.h"
#include "chaos/seat.h"

namespace schedctl::chaos {

// What came of it, besides the history.
struct Toll {
  std::map<std::string, int> acts;
  std::vector<Milliseconds> tree_deaths;  // from the kill of a run to the end of its handlers
  Milliseconds calmed_in{0};
  std::vector<Violation> violations;  // seen on the way
};

class Torment {
 public:
  Torment(Arena& arena, std::uint64_t seed);

  // Kills, freezes, cuts and cancels for so long, while jobs come in.
  void rage(std::chrono::seconds duration);
  // Lets what is left be done in peace, until nothing runs any more.
  void calm();

  const std::set<JobId>& acknowledged() const { return feed_.acknowledged(); }
  const Toll& toll() const { return toll_; }

 private:
  // A command of a person.
  struct Errand {
    std::string what;
    test::Process process;
    Clock::time_point end_by;
    bool enqueues = false;
  };
  // The handlers of a run that has been killed.
  struct Dying {
    Clock::time_point since;
    std::vector<ProcessId> processes;
  };
  struct SecondSignal {
    Clock::time_point at;
    pid_t pid;
  };
  struct Act {
    const char* name;
    double weight;
    bool (Torment::*perform)();  // false: not possible now
  };
  static const std::vector<Act> acts;

  bool kill_run();
  bool kill_reaper();
  bool stop_reaper();
  bool freeze_run();
  bool ask_to_end();
  bool interrupt();
  bool interrupt_twice();
  bool cut_sessions();
  bool crash_server();
  bool cancel_job();
  bool retry_job();
  bool enqueue();
  bool pause();
  bool resume();
  bool clean_up();

  void act();
  void note(const std::string& act, pid_t run = 0, JobId job = 0);
  void kill(Seat& seat);
  void thaw(Seat& seat);
  Seat* some_run(const std::function<bool(Seat&)>& fit);
  std::vector<Ledger::Entry> handlers_of(pid_t run) const;
  static std::vector<pid_t> reapers_of(pid_t run);
  void send(std::vector<std::string> arguments);

  // Looks after everything once, then waits until something ends, at most until `next`.
  void turn(Clock::time_point next);
  void tend_seats();
  void tend_errands();
  void send_second_signals();
  void watch_the_dying();
  bool busy();
  void blame(const char* invariant, const std::string& what);

  Arena& arena_;
  Dice dice_;
  Dice feed_dice_;
  Feed feed_;
  std::deque<Seat> seats_;
  std::list<Errand> errands_;
  std::vector<Dying> dying_;
  std::vector<SecondSignal> second_signals_;
  Clock::time_point crash_again_at_;
  bool raging_ = false;
  bool starting_ = true;
  Toll toll_;
};

}  // namespace schedctl::chaos
