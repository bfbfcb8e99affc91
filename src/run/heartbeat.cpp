#include "run/heartbeat.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "queue/listen.h"
#include "util/log.h"

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto look_interval = 250ms;
constexpr auto renew_interval = 1s;
constexpr auto reconnect_interval = 20ms;
// After the loss of the session, others may take the jobs 0.7 s later.
constexpr auto relock_limit = session_patience;

std::int64_t boot_time() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// No attempt to connect may outlast the silence after which the worker gives up.
config::Database impatient(config::Database database) {
  const Duration longest = database.pooled ? lease_margin : relock_limit;
  database.connect_timeout = std::min(database.connect_timeout, longest);
  return database;
}

}  // namespace

Duration reapers_patience(const config::Config& config) {
  return config.database.pooled ? config.recovery.lease - lease_margin : silence_limit;
}

Heartbeat::Heartbeat(const config::Config& config, queue::Registration registration,
                     OwnerSigns& signs, Hooks hooks)
    : config_(config),
      registration_(std::move(registration)),
      signs_(signs),
      hooks_(std::move(hooks)),
      watch_(registration_.host, registration_.boot_id),
      pooled_(config.database.pooled),
      wants_jobs_(config.process.linger.count() > 0 && !pooled_),
      session_told_(pooled_),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stop_event_) throw std::system_error(errno, std::generic_category(), "eventfd");
  connection_.emplace(config.database, db::Session::heartbeat);
  registration_.local_address = connection_->local_address();
  const auto asked = Clock::now();
  db::Transaction tx(*connection_, db::autocommit);
  worker_ = queue::register_worker(tx, registration_);
  acknowledge(asked);
  if (wants_jobs_) queue::listen(tx, worker_);
  listening_ = wants_jobs_;
}

void Heartbeat::go_on_watching(const DeathWatch& watch) {
  watch_ = watch;
  suspects_ = watch.has_suspects();
  evidence_by_ = watch.next_evidence().value_or(Clock::now()) + 2 * look_interval;
}

bool Heartbeat::awaits_evidence() const { return suspects_ && Clock::now() < evidence_by_; }

void Heartbeat::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Heartbeat::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Heartbeat::~Heartbeat() {
  stop();
  if (registered_ && !deregister()) hooks_.left_behind();
}

bool Heartbeat::deregister() {
  if (!connection_ || lost_) return false;
  try {
    db::Transaction tx(*connection_);
    const bool gone = queue::deregister_worker(tx, worker_);
    tx.commit();
    return gone;
  } catch (const std::exception& e) {
    log::warn("could not deregister the worker", {{"error", e.what()}});
    return false;
  }
}

Clock::time_point Heartbeat::safe_until() const {
  return lost_ ? Clock::time_point::min()
               : acknowledged_.load() + config_.recovery.lease - lease_margin;
}

void Heartbeat::acknowledge(Clock::time_point asked) {
  lost_at_.reset();
  server_down_ = false;
  // The lease counts from when the question was asked, not from when the answer came.
  acknowledged_ = asked;
  signs_.last_renewal = boot_time() - std::chrono::nanoseconds(Clock::now() - asked).count();
}

void Heartbeat::run(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "heartbeat");
  const std::stop_callback wake(stop, [this] { eventfd_write(stop_event_.get(), 1); });
  next_renewal_ = Clock::now() + renew_interval;
  while (!stop.stop_requested() && !lost_) {
    try {
      if (connection_ && !session_told_) session_told_ = hooks_.session(connection_->socket());
      rest(stop);
      if (!stop.stop_requested()) beat();
    } catch (const std::exception& e) {
      after_failure(e);
    }
  }
}

void Heartbeat::beat() {
  if (!connection_ || Clock::now() >= next_renewal_) {
    if (!connection_ && !reconnect()) return;
    renew();
    next_renewal_ = Clock::now() + renew_interval;
  }
  if (!lost_) look_after_the_dead();
}

// Until the next beat. Notifications are handed on at once; some have come with the answers to the
// last statements, and then the socket says nothing of them. The end of the session is noticed at
// once, too.
void Heartbeat::rest(const std::stop_token& stop) {
  auto end = Clock::now() + (connection_ ? look_interval : reconnect_interval);
  if (const auto evidence = watch_.next_evidence(); connection_ && evidence)
    end = std::min(end, *evidence);
  while (!stop.stop_requested()) {
    if (connection_ && connection_->take_notifications() > 0 && listening_) hooks_.enqueued();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) return;
    pollfd fds[] = {{stop_event_.get(), POLLIN, 0},
                    {connection_ ? connection_->socket() : -1, POLLIN, 0}};
    poll(fds, 2, static_cast<int>(left.count()));
  }
}

// Who is sure that the server is down, or holds no session lock, may keep the handlers until
// shortly before the lease ends. Any other loss frees our lock, so others may take the jobs soon.
bool Heartbeat::must_give_up(Clock::time_point now) {
  const auto silence = now - acknowledged_.load();
  const auto patience = config_.recovery.lease - lease_margin;
  if (server_down_ && !pooled_)  // the reapers may wait as long as we do
    signs_.last_renewal = boot_time() - std::chrono::nanoseconds(silence).count() +
                          std::chrono::nanoseconds(patience - silence_limit).count();
  if (server_down_ || pooled_) return silence > patience;
  return silence > silence_limit || (lost_at_ && now - *lost_at_ > relock_limit);
}

void Heartbeat::after_failure(const std::exception& e) {
  const auto now = Clock::now();
  const auto* fault = dynamic_cast<const DatabaseError*>(&e);
  if (fault && fault->connection_lost()) {
    if (connection_) ++signs_.losses_noticed;
    connection_.reset();
    if (!lost_at_) lost_at_ = now;
    server_down_ = fault->server_down();
  }
  if (must_give_up(now)) give_up(e.what());
}

void Heartbeat::renew() {
  const auto asked = Clock::now();
  db::Transaction tx(*connection_, db::autocommit);
  if (!queue::renew(tx, worker_, config_.recovery.lease)) return declared_dead();
  acknowledge(asked);
  if (listening_ && !wants_jobs_) {
    queue::unlisten(tx, worker_);
    listening_ = false;
  }
  if (const auto wanted = queue::cancelled(tx, worker_); !wanted.empty()) hooks_.cancelled(wanted);
}

bool Heartbeat::reconnect() {
  const auto asked = Clock::now();
  db::Connection fresh(impatient(config_.database), db::Session::heartbeat);
  registration_.local_address = fresh.local_address();
  db::Transaction tx(fresh, db::autocommit);
  switch (queue::relock_worker(tx, worker_, registration_)) {
    case queue::Relock::declared_dead:
      declared_dead();
      return false;
    case queue::Relock::still_held:
      if (lost_at_ && Clock::now() - *lost_at_ > relock_limit)
        give_up("its session was cut and the server still holds it");
      return false;
    case queue::Relock::done:
      break;
  }
  if (wants_jobs_) queue::listen(tx, worker_);
  listening_ = wants_jobs_;
  connection_.emplace(std::move(fresh));
  session_told_ = pooled_;
  acknowledge(asked);
  if (listening_) hooks_.enqueued();  // nobody told us while there was no session
  return true;
}

// One batch at a time, as the next renewal must not wait for a large rescue.
void Heartbeat::look_after_the_dead() {
  std::vector<Dead> dead;
  {
    db::Transaction tx(*connection_, db::autocommit);
    dead = watch_.look(tx, worker_);
  }
  suspects_ = watch_.has_suspects() || !dead.empty();
  if (dead.empty()) return;
  Toll toll;
  rescue_batch(*connection_, dead[0], config_.recovery.max_interruptions, toll);
  if (toll.rescued > 0) hooks_.rescued();
}

void Heartbeat::declared_dead() {
  registered_ = false;
  give_up("this worker was declared dead");
}

void Heartbeat::give_up(const std::string& why) {
  lost_ = true;
  log::error("lost the lease; stopping all handlers, their jobs go to other workers",
             {{"why", why}});
  signs_.last_renewal = 1;  // long ago: the reapers kill at once
  hooks_.lost();
}

}  // namespace schedctl::run
