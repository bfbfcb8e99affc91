#include "run/dispatcher.h"

#include <algorithm>
#include <utility>

#include "run/payloads.h"
#include "util/log.h"

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto refresh_interval = 1s;
constexpr auto first_idle_interval = 250ms;
constexpr auto plan_interval = 1s;  // of what could not be planned at once
// Jobs that wait for jobs of other runs: nobody tells when those end.
constexpr auto blocked_interval = 250ms;
// A killed client's session ends within client_connection_check_interval.
constexpr auto patience_with_others = 1s;
// So long a job that was interrupted before has the run to itself; what kills its worker does it
// soon.
constexpr auto alone_for = 5s;
constexpr auto lock_not_available = "55P03";
constexpr int in_process_batch = 2000;
constexpr int claim_batch = 1000;
constexpr std::size_t max_unstored = 2000;  // two batches: one being stored, one being made
// So much work may lie ready for a place: short enough that nobody else waits for it, long enough
// to hide a claim.
constexpr std::chrono::microseconds look_ahead = 50ms;
constexpr long max_look_ahead = 32;

}  // namespace

Dispatcher::Dispatcher(Parts parts, queue::Waiting waiting)
    : parts_(std::move(parts)),
      sweep_({parts_.handlers, parts_.clock, parts_.recorder.worker()}),
      second_sweep_(std::make_shared<Sweep>(sweep_)),
      began_(Clock::now()) {
  look_at(std::move(waiting));
}

bool Dispatcher::step() {
  give_back_again();
  // A place that was free when a job was claimed may have gone to another run since.
  if (parts_.pool.queued() > 0) parts_.pool.reserve();
  if (limit_reached()) {
    nothing_due_ = true;
    return false;
  }
  if (must_look()) refresh();
  const bool lately = Clock::now() - parts_.pool.oldest_start() < alone_for;
  if (alone_ && !parts_.pool.idle() && lately) return false;
  alone_ = false;
  if (step_interrupted()) return alone_;

  const bool external = step_external();
  const bool in_process = step_in_process();
  if (external || in_process) {
    fresh_ = nothing_due_ = false;
    held_since_.reset();
    return true;
  }
  if (!backlog_.empty() || blocked_)
    return false;  // due, but no place is free, or none may run yet
  if (fresh_) {
    blocked_ = held_by_others();
    nothing_due_ = !blocked_;
    return false;
  }
  refresh();
  return true;
}

bool Dispatcher::must_look() {
  if (stale_.exchange(false)) return true;
  if (backlog_.empty() && news_.exchange(false)) return true;
  return falls_due() || Clock::now() - refreshed_ > patience() || may_retry_blocked();
}

bool Dispatcher::falls_due() const { return is_due(backlog_.next_due()); }

// Who lingers is told of new jobs, but not by statements that began before it could be seen,
// however late they are committed: these grow fewer with time. Nobody tells of what fails here and
// waits for its next attempt; look_again() sees it when nothing runs any more.
Clock::duration Dispatcher::patience() const {
  const auto& process = parts_.config.process;
  if (process.linger.count() == 0 || !nothing_due_ || !parts_.pool.idle()) return refresh_interval;
  const Clock::duration longest = process.poll_interval;
  return std::min(longest, std::max<Clock::duration>(refreshed_ - began_, first_idle_interval));
}

std::chrono::milliseconds Dispatcher::rest() const {
  if (limit_reached()) return refresh_interval;
  const auto left = [](auto duration) {
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(duration), 0ms);
  };
  const auto quiet = left(refreshed_ + patience() - Clock::now());
  const auto next = backlog_.next_due();
  return next ? std::min(quiet, left(*next - parts_.clock.now())) : quiet;
}

// The look has found due jobs and the claim none. Whoever has locked them may be about to complete
// them, or be killed: worth to wait for, but not for long.
bool Dispatcher::held_by_others() {
  if (!found_due_) return false;
  if (!held_since_) held_since_ = Clock::now();
  return Clock::now() - *held_since_ < patience_with_others;
}

// What was blocked may run when one of our jobs is over, or, as far as we can tell, any moment.
bool Dispatcher::may_retry_blocked() const {
  if (!blocked_) return false;
  return parts_.recorder.stored() != stored_before_ || Clock::now() - refreshed_ > blocked_interval;
}

bool Dispatcher::look_again() {
  if (limit_reached() || claimed_ == looked_at_) return false;
  looked_at_ = claimed_;
  // What is over may be what definitions have waited for.
  if (parts_.planner.waits()) parts_.planner.plan(parts_.clock.now(), true);
  refresh();
  return true;
}

// True: a job that was interrupted before has the run to itself, or is about to.
bool Dispatcher::step_interrupted() {
  if (Clock::now() < interrupted_again_ || top_levels(Kind::interrupted).empty()) return false;
  if (!parts_.pool.idle()) return Clock::now() - parts_.pool.oldest_start() < refresh_interval;
  if (parts_.recorder.unstored() > 0) return true;
  if (parts_.pool.reserve() == 0) return false;
  auto claims = claim(Kind::interrupted, 1);
  if (claims.empty()) {  // its group or type is busy: the others must not stand still for it again
    interrupted_again_ = Clock::now() + refresh_interval;
    parts_.pool.release_idle();
    return false;
  }
  parts_.pool.add(std::move(claims));
  return alone_ = true;
}

bool Dispatcher::step_external() {
  if (top_levels(Kind::external).empty()) return false;
  const int want = wanted();
  if (want == 0) return false;
  auto claims = claim(Kind::external, want);
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
  const long low = ahead > 1 ? target / 2 : 0;
  parts_.pool.set_low_water(static_cast<std::size_t>(low));
  if (ahead > 1 && queued > low) return 0;
  if (parts_.pool.queued_payload_bytes() > max_waiting_payload_bytes / 2) return 0;
  const long want = target - queued - static_cast<long>(parts_.pool.running());
  return within_limit(static_cast<int>(std::clamp(want, 0L, most_by_payload_)));
}

bool Dispatcher::step_in_process() {
  const auto levels = top_levels(Kind::in_process);
  if (levels.empty()) return false;
  const auto claim_class = levels[0].claim_class;
  if (claim_class != queue::ClaimClass::interrupted &&
      std::none_of(levels.begin(), levels.end(),
                   [&](const auto& level) { return has_limit(level); }) &&
      sweep(levels))
    return true;
  // What the recorder runs is over with its batch: until that is stored, guarded jobs wait for it.
  const auto bound = claim_class == queue::ClaimClass::open ? max_unstored : 1;
  if (parts_.recorder.unstored() >= bound) return false;
  auto claims = claim(Kind::in_process, within_limit(claim_batch));
  if (claims.empty()) return false;
  run_in_process(std::move(claims));
  return true;
}

// With a helper on the recorder's thread: two connections keep the server busy while one of them
// waits for a commit or for us. False: all that is left can only be claimed.
bool Dispatcher::sweep(const Backlog::Levels& levels) {
  const bool guarded = levels[0].claim_class == queue::ClaimClass::guarded;
  if (!guarded && !parts_.limit && parts_.recorder.unstored() == 0)
    parts_.recorder.assist([levels, second = second_sweep_](db::Connection& connection) {
      return second->batch(connection, levels, in_process_batch);
    });
  const int limit = within_limit(in_process_batch);
  const int done = sweep_here(levels, limit);
  parts_.recorder.count_swept(done);
  claimed_ += done;
  if (done == 0 && fresh_) return false;
  // A claim for what may be left over would walk through all that the sweeps have left behind: the
  // next look finds it, when all other levels are done too.
  if (done < limit) backlog_.forget(levels);
  if (done > 0) {
    fresh_ = nothing_due_ = false;
    held_since_.reset();
  }
  return true;
}

int Dispatcher::sweep_here(const Backlog::Levels& levels, int limit) {
  try {
    return sweep_.batch(parts_.connection, levels, limit);
  } catch (const DatabaseError& e) {
    if (e.sqlstate() != lock_not_available) throw;
    log::info("another run holds the lock of guarded claims for long");
    return 0;
  }
}

bool Dispatcher::has_limit(const queue::Level& level) const {
  return parts_.config.handlers.at(level.job_type).concurrency_limit.has_value();
}

// The recorder outlives this object: the function may hold on to what outlives both.
void Dispatcher::run_in_process(std::vector<job::Claim> claims) {
  parts_.recorder.run_and_settle(
      std::move(claims), [&config = parts_.config, &registry = parts_.handlers,
                          &clock = parts_.clock](job::Claim claim) {
        auto settled = run_at_once(registry, clock, std::move(claim));
        const auto& retry = config.handlers.at(settled.claim.job_type).retry;
        settled.retry = {retry.max_retries, retry.backoff, config.recovery.max_interruptions};
        return settled;
      });
}

Backlog::Levels Dispatcher::top_levels(Kind kind) const {
  using queue::ClaimClass;
  return backlog_.top([&](const queue::Level& level) {
    if (parts_.handlers.at(level.job_type)->in_process()) return kind == Kind::in_process;
    return kind ==
           (level.claim_class == ClaimClass::interrupted ? Kind::interrupted : Kind::external);
  });
}

std::vector<job::Claim> Dispatcher::claim(Kind kind, int limit) {
  std::vector<job::Claim> claims;
  while (static_cast<int>(claims.size()) < limit) {
    const auto levels = top_levels(kind);
    if (levels.empty()) break;
    const int want = limit - static_cast<int>(claims.size());
    auto claimed = claim_from(levels, kind, want);
    if (static_cast<int>(claimed.size()) < want)
      backlog_.forget(levels);
    else
      backlog_.advance(levels, claimed.back().scheduled_for);
    for (auto& one : claimed) claims.push_back(std::move(one.claim));
  }
  claimed_ += static_cast<long>(claims.size());
  load_payloads(claims);
  return claims;
}

// When they are too much at once, the next claim takes no more than were kept.
void Dispatcher::load_payloads(std::vector<job::Claim>& claims) {
  const auto given_back = static_cast<long>(run::load_payloads(
      claims, {parts_.config, parts_.clock, parts_.connection, parts_.recorder}));
  if (given_back == 0) {
    most_by_payload_ = std::min(2 * most_by_payload_, 1'000'000L);
    return;
  }
  most_by_payload_ = std::max(1L, static_cast<long>(claims.size()));
  claimed_ -= given_back;
  look_soon();  // the backlog believes that they are gone
}

std::vector<queue::Claimed> Dispatcher::claim_from(const Backlog::Levels& levels, Kind kind,
                                                   int limit) {
  queue::ClaimRequest request{.worker = parts_.worker,
                              .now = parts_.clock.now(),
                              .token = queue::draw_token(),
                              .priority = levels[0].priority,
                              .job_types = {},
                              .after = {},
                              .limit = limit,
                              .with_payload = kind != Kind::in_process,
                              .installation = parts_.installation};
  for (const auto& level : levels) request.job_types.push_back(level.job_type);
  try {
    return levels[0].claim_class == queue::ClaimClass::open
               ? claim_open(request)
               : claim_guarded(request, levels[0].claim_class);
  } catch (...) {  // it may have been committed all the same
    doubtful_token_ = request.token;
    doubtful_since_ = Clock::now();
    parts_.recorder.give_back(std::move(request.token));
    throw;
  }
}

// A server that has not noticed yet that we are gone may commit it even later.
void Dispatcher::give_back_again() {
  if (doubtful_token_.empty() || Clock::now() - doubtful_since_ < patience_with_others) return;
  parts_.recorder.give_back(std::exchange(doubtful_token_, {}));
}

std::vector<queue::Claimed> Dispatcher::claim_open(queue::ClaimRequest request) {
  for (const auto& type : request.job_types)
    request.after.push_back(backlog_.position(type, request.priority));
  db::Transaction tx(parts_.connection, db::autocommit);
  auto claimed = queue::claim(tx, request);
  for (const auto& one : claimed)
    backlog_.advance(one.claim.job_type, request.priority, {one.scheduled_for, one.claim.id});
  return claimed;
}

std::vector<queue::Claimed> Dispatcher::claim_guarded(queue::ClaimRequest request,
                                                      queue::ClaimClass claim_class) {
  // A type can have two levels here: of its grouped jobs, and of the others that its limit counts.
  auto& types = request.job_types;
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  queue::Limits limits;
  for (const auto& type : types)
    limits.push_back(parts_.config.handlers.at(type).concurrency_limit);

  std::vector<queue::Claimed> claimed;
  try {
    db::Transaction tx(parts_.connection);
    claimed = queue::claim_guarded(tx, request, claim_class, limits);
    tx.commit();
  } catch (const DatabaseError& e) {
    if (e.sqlstate() != lock_not_available) throw;
    log::info("another run holds the lock of guarded claims for long");
  }
  // Unless it is only that the levels are no longer what they were.
  blocked_ = blocked_ || (fresh_ && static_cast<int>(claimed.size()) < request.limit);
  return claimed;
}

queue::Waiting Dispatcher::look() const {
  db::Transaction tx(parts_.connection, db::autocommit);
  return queue::waiting(tx, parts_.job_types);
}

// What cannot be planned now, because another run plans or for want of a zone, stays due: then not
// at each look.
void Dispatcher::refresh() {
  auto waiting = look();
  if (is_due(waiting.plan_at) && Clock::now() >= plan_again_) {
    parts_.planner.plan(parts_.clock.now());
    waiting = look();
    if (is_due(waiting.plan_at)) plan_again_ = Clock::now() + plan_interval;
  }
  look_at(std::move(waiting));
}

bool Dispatcher::is_due(const std::optional<Time>& time) const {
  return time && *time <= parts_.clock.now();
}

void Dispatcher::look_at(queue::Waiting waiting) {
  for (auto& level : waiting.levels)
    if (level.claim_class == queue::ClaimClass::open && has_limit(level))
      level.claim_class = queue::ClaimClass::guarded;
  if (is_due(waiting.plan_at)) waiting.plan_at = parts_.clock.now() + plan_interval;
  backlog_.replace(std::move(waiting.levels), parts_.clock.now(), waiting.plan_at);
  found_due_ = !backlog_.empty();
  stored_before_ = parts_.recorder.stored();
  nothing_due_ = blocked_ = false;
  refreshed_ = Clock::now();
  fresh_ = true;
}

int Dispatcher::within_limit(int want) const {
  return parts_.limit ? static_cast<int>(std::min<long>(want, *parts_.limit - claimed_)) : want;
}

}  // namespace schedctl::run
