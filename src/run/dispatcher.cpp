#include "run/dispatcher.h"

#include <algorithm>

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto refresh_interval = 1s;
// So long a job that was interrupted before has the run to itself; what kills its worker does it
// soon.
constexpr auto alone_for = 5s;
constexpr int in_process_batch = 1000;
constexpr std::size_t max_unstored = 2000;  // two batches: one being stored, one being made
// So much work may lie ready for a place: short enough that nobody else waits for it, long enough
// to hide a claim.
constexpr std::chrono::microseconds look_ahead = 50ms;
constexpr long max_look_ahead = 32;

}  // namespace

Dispatcher::Dispatcher(Parts parts, queue::Levels levels)
    : parts_(std::move(parts)),
      levels_(std::move(levels.waiting)),
      refreshed_(Clock::now()),
      interrupted_waiting_(levels.interrupted) {
  const auto now = parts_.clock.now();
  std::erase_if(levels_, [&](const queue::Level& level) { return level.first > now; });
}

bool Dispatcher::step() {
  // A place that was free when a job was claimed may have gone to another run since.
  if (parts_.pool.queued() > 0) parts_.pool.reserve();
  if (limit_reached()) {
    nothing_due_ = true;
    return false;
  }
  if (stale_.exchange(false) || Clock::now() - refreshed_ > refresh_interval) refresh();
  const bool lately = Clock::now() - parts_.pool.oldest_start() < alone_for;
  if (alone_ && !parts_.pool.idle() && lately) return false;
  alone_ = false;
  if (interrupted_waiting_ && step_interrupted()) return alone_;

  const bool external = step_external();
  const bool in_process = step_in_process();
  if (external || in_process) {
    fresh_ = nothing_due_ = false;
    return true;
  }
  if (!levels_.empty()) return false;  // due, but no place is free
  if (fresh_) {
    nothing_due_ = true;
    return false;
  }
  refresh();
  return true;
}

bool Dispatcher::look_again() {
  if (limit_reached() || claimed_ == looked_at_) return false;
  looked_at_ = claimed_;
  refresh();
  return true;
}

// True: a job that was interrupted before has the run to itself, or is about to.
bool Dispatcher::step_interrupted() {
  if (top_levels(Kind::external).empty()) return interrupted_waiting_ = false;
  if (!parts_.pool.idle()) return Clock::now() - parts_.pool.oldest_start() < refresh_interval;
  if (parts_.recorder.unstored() > 0) return true;
  if (parts_.pool.reserve() == 0) return false;
  auto claims = claim(Kind::external, 1, true);
  if (claims.empty()) {
    interrupted_waiting_ = false;
    parts_.pool.release_idle();
    refresh();
    interrupted_waiting_ = false;  // looked for and not to be had; the next refresh may see others
    return false;
  }
  parts_.pool.add(std::move(claims));
  refresh();  // the levels that hold no interrupted job were forgotten on the way
  alone_ = true;
  return true;
}

bool Dispatcher::step_external() {
  if (top_levels(Kind::external).empty()) return false;
  const int want = wanted();
  if (want == 0) return false;
  auto claims = claim(Kind::external, want, false);
  if (claims.empty()) {
    parts_.pool.release_idle();
    return false;
  }
  parts_.pool.add(std::move(claims));
  return true;
}

// As many as there are free places, times a look-ahead that keeps short handlers busy and lets long
// ones go to whoever is free first.
int Dispatcher::wanted() const {
  const long places = parts_.pool.reserve();
  if (places == 0) return 0;
  const auto usual = parts_.pool.usual_duration();
  const long ahead =
      usual.count() == 0 ? 1 : std::clamp<long>(look_ahead / usual, 1, max_look_ahead);
  const long target = places * ahead;
  const long queued = static_cast<long>(parts_.pool.queued());
  if (ahead > 1 && queued > target / 2) return 0;
  const long want = target - queued - static_cast<long>(parts_.pool.running());
  return within_limit(static_cast<int>(std::max(want, 0L)));
}

bool Dispatcher::step_in_process() {
  if (top_levels(Kind::in_process).empty()) return false;
  if (parts_.recorder.unstored() >= max_unstored) return false;
  auto claims = claim(Kind::in_process, within_limit(in_process_batch), std::nullopt);
  if (claims.empty()) return false;
  run_in_process(std::move(claims));
  return true;
}

void Dispatcher::run_in_process(std::vector<job::Claim> claims) {
  std::vector<queue::Settled> batch;
  batch.reserve(claims.size());
  for (auto& claim : claims) {
    const auto& handler = parts_.config.handlers.at(claim.job_type);
    queue::Settled settled{.claim = std::move(claim),
                           .outcome = {},
                           .started_at = parts_.clock.now(),
                           .finished_at = {},
                           .retry = {handler.retry.max_retries, handler.retry.backoff,
                                     parts_.config.recovery.max_interruptions}};
    handlers::Context context;
    settled.outcome = settled.claim.expired
                          ? job::expired_outcome()
                          : parts_.handlers.at(settled.claim.job_type)->run(settled.claim, context);
    settled.finished_at = parts_.clock.now();
    batch.push_back(std::move(settled));
  }
  parts_.recorder.settle(std::move(batch));
}

// The due levels of the highest priority at which jobs of this kind wait.
std::vector<queue::Level> Dispatcher::top_levels(Kind kind) const {
  std::vector<queue::Level> top;
  for (const auto& level : levels_) {
    if (parts_.handlers.at(level.job_type)->in_process() != (kind == Kind::in_process)) continue;
    if (!top.empty() && top[0].priority != level.priority) break;
    top.push_back(level);
  }
  return top;
}

std::vector<job::Claim> Dispatcher::claim(Kind kind, int limit, std::optional<bool> interrupted) {
  std::vector<job::Claim> claims;
  while (static_cast<int>(claims.size()) < limit) {
    const auto levels = top_levels(kind);
    if (levels.empty()) break;
    const int want = limit - static_cast<int>(claims.size());
    auto claimed = claim_from(levels, kind, want, interrupted);
    if (static_cast<int>(claimed.size()) < want) forget(levels);
    for (auto& one : claimed) claims.push_back(std::move(one.claim));
  }
  claimed_ += static_cast<long>(claims.size());
  return claims;
}

std::vector<queue::Claimed> Dispatcher::claim_from(const std::vector<queue::Level>& levels,
                                                   Kind kind, int limit,
                                                   std::optional<bool> interrupted) {
  queue::ClaimRequest request{.worker = parts_.worker,
                              .now = parts_.clock.now(),
                              .token = queue::draw_token(),
                              .priority = levels[0].priority,
                              .job_types = {},
                              .after = {},
                              .limit = limit,
                              .interrupted = interrupted,
                              .with_payload = kind == Kind::external,
                              .installation = parts_.installation};
  for (const auto& level : levels) {
    request.job_types.push_back(level.job_type);
    request.after.push_back(interrupted == true ? queue::Position{}
                                                : positions_[{level.job_type, level.priority}]);
  }
  db::Transaction tx(parts_.connection, db::autocommit);
  std::vector<queue::Claimed> claimed;
  try {
    claimed = queue::claim(tx, request);
  } catch (...) {  // it may have been committed all the same
    parts_.recorder.give_back(request.token);
    throw;
  }
  if (interrupted != true)
    for (const auto& one : claimed)
      positions_[{one.claim.job_type, request.priority}] = {one.scheduled_for, one.claim.id};
  return claimed;
}

void Dispatcher::forget(const std::vector<queue::Level>& exhausted) {
  std::erase_if(levels_, [&](const queue::Level& level) {
    return std::any_of(exhausted.begin(), exhausted.end(), [&](const queue::Level& other) {
      return level.job_type == other.job_type && level.priority == other.priority;
    });
  });
}

void Dispatcher::refresh() {
  const auto now = parts_.clock.now();
  db::Transaction tx(parts_.connection, db::autocommit);
  auto found = queue::levels(tx, now, parts_.job_types);
  levels_ = std::move(found.waiting);
  std::erase_if(levels_, [&](const queue::Level& level) { return level.first > now; });
  positions_.clear();
  interrupted_waiting_ = found.interrupted;
  nothing_due_ = false;
  refreshed_ = Clock::now();
  fresh_ = true;
}

int Dispatcher::within_limit(int want) const {
  return parts_.limit ? static_cast<int>(std::min<long>(want, *parts_.limit - claimed_)) : want;
}

}  // namespace schedctl::run
