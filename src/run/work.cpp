#include "run/work.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include "handlers/handler.h"
#include "run/dispatcher.h"
#include "run/heartbeat.h"
#include "run/pool.h"
#include "run/recorder.h"
#include "run/spool.h"
#include "util/log.h"
#include "util/signals.h"

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using handlers::StopReason;

// Whatever matters wakes us; these are for the safety of the lease and for what nobody tells.
constexpr std::chrono::milliseconds working_wait = 100ms;
constexpr std::chrono::milliseconds idle_wait = 1s;

// One page that the reapers share with us.
class SharedSigns {
 public:
  SharedSigns()
      : page_(mmap(nullptr, sizeof(OwnerSigns), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0)) {
    if (page_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    new (page_) OwnerSigns;
  }
  ~SharedSigns() { munmap(page_, sizeof(OwnerSigns)); }
  SharedSigns(const SharedSigns&) = delete;
  SharedSigns& operator=(const SharedSigns&) = delete;
  OwnerSigns& get() { return *static_cast<OwnerSigns*>(page_); }

 private:
  void* page_;
};

std::vector<Reaper> make_reapers(const WorkOrder& order, const handlers::Registry& registry,
                                 const WorkerLock& lock, const OwnerSigns& signs) {
  std::vector<Reaper> reapers;
  const bool needed =
      std::any_of(order.job_types.begin(), order.job_types.end(),
                  [&](const auto& type) { return registry.at(type)->needs_reaper(); });
  for (int i = 0; needed && i < order.config.process.max_concurrent_jobs; ++i)
    reapers.emplace_back(std::vector<int>{lock.descriptor()}, &signs,
                         reapers_patience(order.config));
  return reapers;
}

// The worker and all that belongs to it. The order of the members is the order of their making;
// they end in reverse: handlers first, then what stores their outcomes, then the heartbeat, last
// the lock that says that we live.
class Worker {
 public:
  Worker(const WorkOrder& order, db::Connection& connection, queue::Waiting waiting)
      : order_(order),
        registry_(handlers::make_handlers(order.config)),
        spool_(order.config, order.installation),
        lock_(folder_of(order.config.process.lock_file), order.installation),
        reapers_(make_reapers(order, registry_, lock_, signs_.get())),
        heartbeat_(order.config,
                   {.host = order.config.process.host,
                    .pid = getpid(),
                    .lease = order.config.recovery.lease,
                    .boot_id = read_boot_id(),
                    .lock_file = lock_.path(),
                    .version = SCHEDCTL_VERSION,
                    .local_address = {},
                    .pooled = order.config.database.pooled},
                   signs_.get(),
                   {.cancelled = [this](const auto& executions) { pool_.cancel(executions); },
                    .rescued =
                        [this] {
                          dispatcher_.look_soon();
                          signals::wake();
                        },
                    .enqueued =
                        [this] {
                          dispatcher_.hear_of_jobs();
                          signals::wake();
                        },
                    .lost = [this] { stop_lost(); },
                    .session = [this](int socket) { return pool_.watch_session(socket); },
                    .left_behind = [this] { lock_.leave_file(); }}),
        recorder_(
            order.config.database, heartbeat_.worker(),
            fmt::format("{}:{}", order.config.process.host, getpid()),
            [this] { return heartbeat_.safe_until(); }, signals::wake,
            [this](const auto& unstored) { spool_.keep(unstored, recorder_.worker()); }),
        pool_({order.config, registry_, order.clock, recorder_, signals::wake}, threads(),
              std::move(reapers_)),
        dispatcher_(
            {order.config, registry_, order.clock, connection, order.planner, recorder_, pool_,
             order.installation, heartbeat_.worker(), order.job_types, order.options.limit},
            std::move(waiting)) {
    // What was enqueued between the look and the registration was told to nobody.
    if (lingers()) dispatcher_.look_soon();
    if (order.watch) heartbeat_.go_on_watching(*order.watch);
    heartbeat_.start();
  }
  ~Worker() { heartbeat_.stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  ExitCode run(HostLock& host_lock);

 private:
  bool lingers() const { return order_.config.process.linger.count() > 0; }
  int threads() const {
    const bool external =
        std::any_of(order_.job_types.begin(), order_.job_types.end(),
                    [&](const auto& type) { return !registry_.at(type)->in_process(); });
    return external ? order_.config.process.max_concurrent_jobs : 0;
  }
  void stop_lost() {
    pool_.give_back_queued();  // nothing more may start
    pool_.stop_all(StopReason::fence_lost, true);
    signals::wake();
  }
  bool must_stop() const {
    return signals::count() > 0 || heartbeat_.lost() || recorder_.gave_up() || pool_.starved() ||
           Clock::now() > heartbeat_.safe_until();
  }
  void claim_until_window_end();
  bool idle() const {
    return dispatcher_.nothing_due() && pool_.idle() && recorder_.unstored() == 0;
  }
  void wait_idle();
  void finish();
  ExitCode result() const;

  const WorkOrder& order_;
  const Clock::time_point linger_end_ = Clock::now() + order_.config.process.linger;
  handlers::Registry registry_;
  Spool spool_;
  SharedSigns signs_;
  WorkerLock lock_;
  std::vector<Reaper> reapers_;
  Heartbeat heartbeat_;
  Recorder recorder_;
  Pool pool_;
  Dispatcher dispatcher_;
  std::optional<Error> claim_error_;
  bool lease_over_ = false;  // before its handlers were
};

ExitCode Worker::run(HostLock& host_lock) {
  claim_until_window_end();
  heartbeat_.stop_listening();
  pool_.give_back_queued();
  // The lock guards claiming, not running: the next run of this host may claim while long handlers
  // go on here.
  host_lock.release();
  finish();
  return result();
}

// A fault of the database ends the claiming, not what runs: that has a connection of its own.
void Worker::claim_until_window_end() {
  try {
    while (!must_stop() && Clock::now() < order_.window_end) {
      if (dispatcher_.step()) continue;
      if (!idle()) {
        signals::wait(std::min(working_wait, dispatcher_.rest()));
        continue;
      }
      if (dispatcher_.look_again()) continue;
      const bool stays = Clock::now() < linger_end_ || heartbeat_.awaits_evidence();
      if (!stays || dispatcher_.limit_reached()) return;
      wait_idle();
    }
  } catch (const Error& e) {
    claim_error_ = e;
  } catch (const std::exception& e) {
    claim_error_ = Error(ExitCode::internal, e.what());
  }
  if (claim_error_) log::info("no more claims in this run", {{"error", claim_error_->what()}});
}

// Other runs of this host may have the places meanwhile.
void Worker::wait_idle() {
  pool_.release_idle();
  const auto now = Clock::now();
  const auto end = now < linger_end_ ? std::min(order_.window_end, linger_end_) : order_.window_end;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
  const auto longest = lingers() ? idle_wait : working_wait;
  signals::wait(std::clamp(std::min(left, dispatcher_.rest()), 0ms, longest));
}

// Waits for what runs. After a signal it gets a grace, then TERM, then KILL; a second signal skips
// the grace.
void Worker::finish() {
  const auto& process = order_.config.process;
  std::optional<Clock::time_point> grace_end, force_end;
  while (!pool_.idle() || (recorder_.unstored() > 0 && !recorder_.gave_up())) {
    const auto now = Clock::now();
    // The heartbeat cannot say so when it waits for an answer, as a pooler lets it.
    if (now > heartbeat_.safe_until()) {
      lease_over_ = true;
      pool_.stop_all(StopReason::fence_lost, true);
    }
    if (signals::count() > 0 && !grace_end) grace_end = now + process.shutdown_grace;
    if (grace_end && !force_end && (now >= *grace_end || signals::count() > 1)) {
      pool_.stop_all(StopReason::shutdown);
      force_end = now + process.shutdown_force;
    }
    if (recorder_.gave_up()) pool_.stop_all(StopReason::shutdown);  // nobody would hear of it
    if (force_end && now >= *force_end) pool_.stop_all(StopReason::shutdown, true);
    if (force_end && now >= *force_end + 2s) recorder_.hurry();
    signals::wait(50ms);
  }
}

ExitCode Worker::result() const {
  const auto tally = recorder_.tally();
  log::info("done",
            {{"completed", tally.completed}, {"failed", tally.failed}, {"lost", tally.lost}});
  if (heartbeat_.lost() || lease_over_ || recorder_.gave_up())
    throw Error(
        ExitCode::temporary,
        "the database was lost before all outcomes were stored; the next run of this host stores "
        "what is kept, other runs take over the rest");
  if (pool_.starved())
    throw Error(
        ExitCode::temporary,
        "handlers could not be started for want of processes, memory, descriptors or reapers");
  if (claim_error_) throw *claim_error_;
  return order_.options.fail_on_job_error && tally.failed > 0 ? ExitCode::failed : ExitCode::ok;
}

}  // namespace

ExitCode work(const WorkOrder& order, db::Connection& connection, queue::Waiting waiting,
              HostLock& host_lock) {
  Worker worker(order, connection, std::move(waiting));
  return worker.run(host_lock);
}

}  // namespace schedctl::run
