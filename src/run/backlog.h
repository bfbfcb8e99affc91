// Backlog: the levels at which due jobs wait, as far as this run knows, and how far its claims have
// come in each.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "queue/claim.h"
#include "util/clock.h"

namespace schedctl::run {

class Backlog {
 public:
  using Levels = std::vector<queue::Level>;

  // What a look into the queue has found; what is not due at `now` is left out, but for its time.
  // `plan_at`: when a definition may bring more.
  void replace(Levels found, Time now, std::optional<Time> plan_at = {});
  // When the next level falls due, as far as the last look could tell: nothing is known of what
  // waits behind jobs that are due.
  std::optional<Time> next_due() const { return next_due_; }
  bool empty() const { return levels_.empty(); }

  // The levels of the highest priority among those that `eligible` admits; all of one class,
  // whichever has waited longest.
  Levels top(const std::function<bool(const queue::Level&)>& eligible) const;

  // What is left at these levels has waited since `last` at most.
  void advance(const Levels& levels, Time last);
  void forget(const Levels& exhausted);

  // Behind the last open job that was claimed from a level.
  queue::Position position(const std::string& job_type, int priority) const;
  void advance(const std::string& job_type, int priority, queue::Position position);

 private:
  struct Key {
    std::string job_type;
    int priority;
    auto operator<=>(const Key&) const = default;
  };

  Levels levels_;  // most urgent first
  std::map<Key, queue::Position> positions_;
  std::optional<Time> next_due_;
};

}  // namespace schedctl::run
