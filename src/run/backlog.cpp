#include "run/backlog.h"

#include <algorithm>

namespace schedctl::run {
namespace {

bool same(const queue::Level& a, const queue::Level& b) {
  return a.job_type == b.job_type && a.priority == b.priority && a.claim_class == b.claim_class;
}

bool holds(const Backlog::Levels& levels, const queue::Level& level) {
  return std::any_of(levels.begin(), levels.end(),
                     [&](const queue::Level& other) { return same(level, other); });
}

}  // namespace

void Backlog::replace(Levels found, Time now, std::optional<Time> plan_at) {
  levels_ = std::move(found);
  next_due_ = plan_at;
  for (const auto& level : levels_)
    if (level.first > now) next_due_ = std::min(next_due_.value_or(level.first), level.first);
  std::erase_if(levels_, [&](const queue::Level& level) { return level.first > now; });
  positions_.clear();
}

Backlog::Levels Backlog::top(const std::function<bool(const queue::Level&)>& eligible) const {
  Levels top;
  const queue::Level* first = nullptr;
  for (const auto& level : levels_) {
    if (!eligible(level)) continue;
    if (first && first->priority != level.priority) break;
    if (!first || level.first < first->first) first = &level;
    top.push_back(level);
  }
  if (first)
    std::erase_if(top, [wanted = first->claim_class](const queue::Level& level) {
      return level.claim_class != wanted;
    });
  return top;
}

void Backlog::advance(const Levels& levels, Time last) {
  for (auto& level : levels_)
    if (holds(levels, level)) level.first = std::max(level.first, last);
}

void Backlog::forget(const Levels& exhausted) {
  std::erase_if(levels_, [&](const queue::Level& level) { return holds(exhausted, level); });
}

queue::Position Backlog::position(const std::string& job_type, int priority) const {
  const auto found = positions_.find({job_type, priority});
  return found == positions_.end() ? queue::Position{} : found->second;
}

void Backlog::advance(const std::string& job_type, int priority, queue::Position position) {
  positions_[{job_type, priority}] = position;
}

}  // namespace schedctl::run
