// Feed: the jobs of a chaos test.
#pragma once

#include <deque>
#include <set>
#include <string>

#include "chaos/arena.h"
#include "chaos/dice.h"

namespace schedctl::chaos {

// A job as an element of enqueue_many: plain, in groups, limited, with an effect, noop; some fail
// and are tried again, some leave processes behind, do not hear SIGTERM, run into their timeout.
std::string draw_job(Dice& dice);

// The arguments of schedctl that enqueue a job from the command line.
std::vector<std::string> draw_enqueue(Dice& dice);

class Feed {
 public:
  explicit Feed(Dice& dice) : dice_(dice) {}

  // So that some tens of jobs wait or run.
  void top_up(Arena& arena);
  void acknowledge(JobId job);

  const std::set<JobId>& acknowledged() const { return acknowledged_; }
  // One of those that were enqueued last; 0: none.
  JobId recent();

 private:
  Dice& dice_;
  std::set<JobId> acknowledged_;
  std::deque<JobId> recent_;
};

}  // namespace schedctl::chaos
