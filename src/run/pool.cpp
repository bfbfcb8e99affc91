#include "run/pool.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>

#include "util/log.h"
#include "util/text.h"

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;
using handlers::StopReason;

const char* stream_name(handlers::Stream stream) {
  switch (stream) {
    case handlers::Stream::out:
      return "stdout";
    case handlers::Stream::err:
      return "stderr";
    case handlers::Stream::schedctl:
      break;
  }
  return "schedctl";
}

}  // namespace

Pool::Pool(Parts parts, int threads, std::vector<Reaper> reapers)
    : parts_(std::move(parts)),
      places_(parts_.config.process.lock_file, parts_.config.process.max_concurrent_jobs),
      size_(static_cast<std::size_t>(threads)),
      reapers_(std::move(reapers)) {
  for (std::size_t i = 0; i < size_; ++i) {
    auto* reaper = i < reapers_.size() ? &reapers_[i] : nullptr;
    threads_.emplace_back([this, reaper](const std::stop_token& ending) { work(ending, reaper); });
  }
}

Pool::~Pool() {
  give_back_queued();
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

int Pool::reserve() {
  const std::lock_guard lock(mutex_);
  while (free_places_.size() + running_.size() < size_) {
    const auto place = places_.acquire();
    if (!place) break;
    free_places_.push_back(*place);
  }
  if (!ready_.empty()) arrived_.notify_all();
  return static_cast<int>(free_places_.size() + running_.size());
}

void Pool::release_idle() {
  const std::lock_guard lock(mutex_);
  release_places_if_idle();
}

void Pool::add(std::vector<job::Claim> claims) {
  const std::lock_guard lock(mutex_);
  if (!may_claim_) return parts_.recorder.give_back(std::move(claims));
  for (auto& claim : claims) ready_.push_back(std::move(claim));
  arrived_.notify_all();
}

std::size_t Pool::queued() const {
  const std::lock_guard lock(mutex_);
  return ready_.size();
}

std::size_t Pool::queued_payload_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t bytes = 0;
  for (const auto& claim : ready_) bytes += claim.payload.size();
  return bytes;
}

std::size_t Pool::running() const {
  const std::lock_guard lock(mutex_);
  return running_.size();
}

bool Pool::idle() const {
  const std::lock_guard lock(mutex_);
  return ready_.empty() && running_.empty();
}

std::chrono::microseconds Pool::usual_duration() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::microseconds(static_cast<std::int64_t>(usual_us_));
}

Clock::time_point Pool::oldest_start() const {
  const std::lock_guard lock(mutex_);
  auto oldest = Clock::time_point::max();
  for (const auto& running : running_) oldest = std::min(oldest, running.started);
  return oldest;
}

void Pool::give_back_queued() {
  std::vector<job::Claim> claims;
  {
    const std::lock_guard lock(mutex_);
    claims.assign(std::make_move_iterator(ready_.begin()), std::make_move_iterator(ready_.end()));
    ready_.clear();
    may_claim_ = false;
    release_places_if_idle();
  }
  if (!claims.empty()) parts_.recorder.give_back(std::move(claims));
}

void Pool::stop_all(StopReason reason, bool kill) {
  const std::lock_guard lock(mutex_);
  for (auto& running : running_) {
    auto none = StopReason::none;
    running.reason.compare_exchange_strong(none, reason);
    if (kill) running.kill = true;
    running.stop.request_stop();
  }
}

bool Pool::watch_session(int socket) {
  bool told = true;
  for (auto& reaper : reapers_) told = reaper.watch_session(socket) && told;
  return told;
}

void Pool::cancel(const std::vector<job::ExecutionId>& executions) {
  const auto wanted = [&](job::ExecutionId id) {
    return std::find(executions.begin(), executions.end(), id) != executions.end();
  };
  const std::lock_guard lock(mutex_);
  for (const auto& claim : ready_)
    if (wanted(claim.execution_id)) parts_.recorder.give_back({claim});  // which cancels it
  std::erase_if(ready_, [&](const job::Claim& claim) { return wanted(claim.execution_id); });
  for (auto& running : running_) {
    if (!wanted(running.execution)) continue;
    auto none = StopReason::none;
    running.reason.compare_exchange_strong(none, StopReason::cancelled);
    running.stop.request_stop();
  }
}

void Pool::release_places_if_idle() {
  if (!ready_.empty()) return;
  for (const int place : free_places_) places_.release(place);
  free_places_.clear();
}

void Pool::work(const std::stop_token& ending, Reaper* reaper) {
  pthread_setname_np(pthread_self(), "place");
  std::unique_lock lock(mutex_);
  const auto can_start = [this] { return !ready_.empty() && !free_places_.empty(); };
  while (arrived_.wait(lock, ending, can_start)) {
    const auto claim = std::move(ready_.front());
    ready_.pop_front();
    const int place = free_places_.back();
    free_places_.pop_back();
    auto& running = running_.emplace_back();
    running.execution = claim.execution_id;
    running.started = Clock::now();

    lock.unlock();
    execute(claim, running, reaper, place);
    lock.lock();

    const std::chrono::duration<double, std::micro> took = Clock::now() - running.started;
    usual_us_ = usual_us_ == 0 ? took.count() : 0.8 * usual_us_ + 0.2 * took.count();
    running_.remove_if([&](const Running& other) { return &other == &running; });
    free_places_.push_back(place);
    // Not before: a claim that was reserved for may be on its way.
    if (!may_claim_) release_places_if_idle();
    if (ready_.empty()) parts_.recorder.store_soon();
    if (ready_.size() <= low_water_ || running_.empty()) parts_.changed();
    if (reaper && reaper->pid() == -1) return retire();
  }
}

// A handler has killed this thread's reaper; a new one cannot be forked beside threads.
void Pool::retire() {
  log::warn("a handler killed its reaper; this run goes on with one place less");
  if (--size_ == 0) starved_ = true;
  arrived_.notify_all();
}

void Pool::execute(const job::Claim& claim, Running& running, Reaper* reaper, int place) {
  if (claim.expired) return record(claim, job::expired_outcome(), std::nullopt);
  const auto started = parts_.clock.now();
  auto outcome = outcome_of(claim, running, reaper, place);
  if (outcome.result == job::Result::given_back) {
    const bool reaper_killed = reaper && reaper->pid() == -1;
    if (outcome.error_class == "no_resources" && !reaper_killed)
      starve(claim, outcome.error_message);
    return parts_.recorder.give_back({claim});
  }
  record(claim, std::move(outcome), started);
}

void Pool::starve(const job::Claim& claim, const std::string& why) {
  log::error("a handler could not be started", {{"job", claim.id}, {"error", why}});
  starved_ = true;
}

job::Outcome Pool::outcome_of(const job::Claim& claim, Running& running, Reaper* reaper,
                              int place) {
  try {
    auto context = context_for(claim, running, reaper, place);
    return parts_.handlers.at(claim.job_type)->run(claim, context);
  } catch (const std::exception& e) {
    // A fault of one job stops nobody else.
    return {.result = job::Result::failed,
            .error_class = "internal",
            .error_message = make_storable(e.what())};
  }
}

handlers::Context Pool::context_for(const job::Claim& claim, Running& running, Reaper* reaper,
                                    int place) {
  handlers::Context context;
  context.stop = running.stop.get_token();
  context.stop_reason = [&running] { return running.reason.load(); };
  context.kill_now = [&running] { return running.kill.load(); };
  context.started = running.started;
  const auto& handler = parts_.config.handlers.at(claim.job_type);
  if (const auto timeout = claim.timeout ? claim.timeout : handler.timeout) {
    context.deadline = running.started + *timeout;
    context.deadline_utc = format_utc(parts_.clock.now() + *timeout);
  }
  context.log = [this, execution = claim.execution_id](handlers::Stream stream,
                                                       std::string_view line) {
    parts_.recorder.log({execution, parts_.clock.now(), stream_name(stream), make_storable(line)});
  };
  context.reaper = reaper;
  context.place = places_.descriptor(place);
  context.database = &parts_.config.database;
  context.record_in = [this, &claim, started = parts_.clock.now()](db::Transaction& tx,
                                                                   const job::Outcome& outcome) {
    return parts_.recorder.record_in(tx, settled_of(claim, outcome, started));
  };
  return context;
}

queue::Settled Pool::settled_of(const job::Claim& claim, job::Outcome outcome,
                                std::optional<Time> started) const {
  const auto& handler = parts_.config.handlers.at(claim.job_type);
  return {
      claim,
      std::move(outcome),
      started,
      parts_.clock.now(),
      {handler.retry.max_retries, handler.retry.backoff, parts_.config.recovery.max_interruptions}};
}

void Pool::record(const job::Claim& claim, job::Outcome outcome, std::optional<Time> started) {
  if (outcome.stored) return parts_.recorder.count_stored();
  parts_.recorder.settle(settled_of(claim, std::move(outcome), started));
}

}  // namespace schedctl::run
