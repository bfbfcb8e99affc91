#include "run/recorder.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "util/log.h"

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t max_queued_line_bytes = 4 * 1024 * 1024;
constexpr std::size_t rows_per_statement = 2000;
// Outcomes of short handlers come one by one: stored one by one, they would cost as much as the
// handlers. So long a batch waits for more after the one before it.
constexpr auto gather = 3ms;
constexpr std::size_t enough_outcomes = 64;

// The rows of one statement: enough to be fast, and bounded.
template <typename Row>
std::vector<Row> take_slice(std::vector<Row>& rows) {
  if (rows.size() <= rows_per_statement) return std::exchange(rows, {});
  const auto count = static_cast<std::ptrdiff_t>(std::min(rows.size(), rows_per_statement));
  std::vector<Row> slice(std::make_move_iterator(rows.begin()),
                         std::make_move_iterator(rows.begin() + count));
  rows.erase(rows.begin(), rows.begin() + count);
  return slice;
}

}  // namespace

Recorder::Recorder(const config::Database& database, job::WorkerId id, std::string worker,
                   std::function<Clock::time_point()> safe_until, std::function<void()> stored,
                   Keep keep)
    : database_(database),
      id_(id),
      worker_(std::move(worker)),
      safe_until_(std::move(safe_until)),
      stored_(std::move(stored)),
      keep_(std::move(keep)),
      thread_([this] { run(); }) {}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_one();
}

void Recorder::log(queue::LogLine line) {
  std::unique_lock lock(mutex_);
  // Not for ever: whoever waits here cannot be stopped.
  const bool room =
      drained_.wait_for(lock, 5s, [this] { return line_bytes_ < max_queued_line_bytes; });
  if (!room) return drop_line();
  line_bytes_ += line.message.size() + sizeof line;
  load_.lines.push_back(std::move(line));
  arrived_.notify_one();
}

void Recorder::drop_line() {
  if (dropped_lines_++ == 0)
    log::warn("log lines of handlers are lost: the database does not take them");
}

void Recorder::Load::add(queue::Settled settled) {
  auto& rows = queue::is_plain_success(settled) ? plain : others;
  rows.push_back(std::move(settled));
}

bool Recorder::Load::is_urgent() const {
  return !to_run.empty() || !assistance.empty() || !given_back.empty() || !lost_claims.empty() ||
         plain.size() + others.size() >= enough_outcomes;
}

void Recorder::store_soon() {
  const std::lock_guard lock(mutex_);
  soon_ = true;
  arrived_.notify_one();
}

void Recorder::settle(queue::Settled settled) {
  const std::lock_guard lock(mutex_);
  ++unstored_;
  load_.add(std::move(settled));
  arrived_.notify_one();
}

void Recorder::run_and_settle(std::vector<job::Claim> claims, Run run) {
  const std::lock_guard lock(mutex_);
  unstored_ += claims.size();
  load_.to_run.push_back({std::move(claims), std::move(run)});
  arrived_.notify_one();
}

void Recorder::assist(Assistance work) {
  const std::lock_guard lock(mutex_);
  ++unstored_;
  load_.assistance.push_back(std::move(work));
  arrived_.notify_one();
}

void Recorder::give_back(std::vector<job::Claim> claims) {
  const std::lock_guard lock(mutex_);
  unstored_ += claims.size();
  std::move(claims.begin(), claims.end(), std::back_inserter(load_.given_back));
  arrived_.notify_one();
}

void Recorder::give_back(std::string token) {
  const std::lock_guard lock(mutex_);
  ++unstored_;
  load_.lost_claims.push_back(std::move(token));
  arrived_.notify_one();
}

bool Recorder::record_in(db::Transaction& tx, const queue::Settled& settled) const {
  return !queue::settle(tx, {settled}, worker_).empty();
}

void Recorder::count_stored() {
  const std::lock_guard lock(mutex_);
  ++tally_.completed;
  ++stored_outcomes_;
}

void Recorder::count_swept(long jobs) {
  const std::lock_guard lock(mutex_);
  tally_.completed += jobs;
}

Recorder::Tally Recorder::tally() const {
  const std::lock_guard lock(mutex_);
  return tally_;
}

void Recorder::run() {
  pthread_setname_np(pthread_self(), "recorder");
  Clock::time_point stored_at;
  for (;;) {
    Load load;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return ending_ || !load_.empty(); });
      arrived_.wait_until(lock, stored_at + gather,
                          [this] { return ending_ || soon_ || load_.is_urgent(); });
      soon_ = false;
      if (load_.empty()) break;
      std::swap(load, load_);
      line_bytes_ = 0;
    }
    drained_.notify_all();
    try {
      store(load);
    } catch (
        const std::exception& e) {  // out of memory, or a fault of ours: a rescue takes the jobs
      log::error("outcomes could not be stored", {{"error", e.what()}});
      gave_up_ = true;
      drained_.notify_all();
    }
    stored_at = Clock::now();
    stored_();
  }
  if (!unkept_.empty()) keep({});
}

// Lines first: whoever sees that a job is over finds its log complete.
void Recorder::store(Load& load) {
  while (!load.lines.empty()) store_lines(take_slice(load.lines));
  for (auto& batch : load.to_run)
    for (auto& claim : batch.claims) load.add(batch.run(std::move(claim)));
  while (!load.plain.empty()) {
    auto slice = take_slice(load.plain);
    store_batch(slice, queue::complete);
  }
  while (!load.others.empty()) {
    auto slice = take_slice(load.others);
    store_batch(slice, queue::settle);
  }
  store_given_back(load);
  for (const auto& work : load.assistance) assist_now(work);
}

// Whoever asked for it works too, and finds out by itself what the database does not do.
void Recorder::assist_now(const Assistance& work) {
  try {
    if (!connection_) connection_.emplace(database_, db::Session::recording);
    count_swept(work(*connection_));
  } catch (const DatabaseError& e) {
    if (e.connection_lost()) connection_.reset();
    log::info("a batch of jobs is left for later", {{"error", e.what()}});
  } catch (
      const std::exception& e) {  // a fault of ours, which must not cost the others their outcomes
    connection_.reset();
    log::error("a batch of jobs is left for later", {{"error", e.what()}});
  }
  --unstored_;
}

void Recorder::store_given_back(Load& load) {
  if (!load.given_back.empty() &&
      persist([&](db::Transaction& tx, bool) { queue::give_back(tx, id_, load.given_back); }))
    unstored_ -= load.given_back.size();
  for (const auto& token : load.lost_claims)
    if (persist([&](db::Transaction& tx, bool) { queue::give_back(tx, id_, token); })) --unstored_;
}

// What the database does not take waits for the outcomes that will be kept with it.
void Recorder::store_lines(std::vector<queue::LogLine> lines) {
  try {
    if (persist([&](db::Transaction& tx, bool again) {
          again ? queue::write_logs_once(tx, lines) : queue::write_logs(tx, lines);
        }))
      return;
  } catch (const Error& e) {
    return log::error("log lines could not be stored",
                      {{"lines", static_cast<long>(lines.size())}, {"error", e.what()}});
  }
  std::move(lines.begin(), lines.end(), std::back_inserter(unkept_));
  if (unkept_.size() >= rows_per_statement) keep({});
}

void Recorder::store_batch(std::vector<queue::Settled>& batch, Store how) {
  std::vector<job::ExecutionId> ids;
  for (const auto& settled : batch) ids.push_back(settled.claim.execution_id);
  try {
    const bool done = persist([&](db::Transaction& tx, bool again) {
      auto stored = how(tx, batch, worker_);
      // An answer that got lost may have been a yes: what is in the history already was stored by
      // the first try.
      if (again && stored.size() < batch.size())
        for (const auto id : queue::recorded(tx, ids, worker_)) stored.push_back(id);
      count(batch, std::move(stored));
    });
    if (done || keep(batch)) unstored_ -= batch.size();
  } catch (const Error& e) {
    isolate(batch, how, e.what());
  }
}

// One of the batch holds a value that the server refuses: only that one may suffer, and only by its
// result.
void Recorder::isolate(std::vector<queue::Settled>& batch, Store how, const std::string& why) {
  if (batch.size() > 1) {
    for (auto& settled : batch) {
      std::vector<queue::Settled> one{std::move(settled)};
      store_batch(one, how);
    }
    return;
  }
  auto& outcome = batch[0].outcome;
  if (outcome.json) {
    outcome.json.reset();
    outcome.error_message += outcome.error_message.empty() ? "" : "; ";
    outcome.error_message += "the result could not be stored: " + why;
    return store_batch(batch, queue::settle);
  }
  log::error("an outcome could not be stored", {{"job", batch[0].claim.id}, {"error", why}});
  --unstored_;
}

// Runs `work(tx, again)` until it has succeeded: again on a new connection after a loss, and after
// errors that pass. False: it had to give up. Throws Error when trying again makes no sense.
template <typename Work>
bool Recorder::persist(const Work& work) {
  auto pause = 50ms;
  for (bool again = false;; again = true) {
    if (gave_up_) return false;
    try {
      if (!connection_) connection_.emplace(database_, db::Session::recording);
      db::Transaction tx(*connection_, db::autocommit);
      work(tx, again);
      return true;
    } catch (const DatabaseError& e) {
      if (e.connection_lost()) connection_.reset();
      if (!e.transient() && connection_) throw;
      const bool useless = !e.transient() || hurried_ || Clock::now() + pause > safe_until_();
      if (useless) return give_up(e.what());
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, 1000ms);
  }
}

bool Recorder::give_up(const std::string& why) {
  gave_up_ = true;
  drained_.notify_all();
  log::error("the database did not take outcomes in time", {{"error", why}});
  return false;
}

// For a later run of this host, with the log lines that wait. False: then their jobs will run
// again.
bool Recorder::keep(const std::vector<queue::Settled>& batch) {
  const Unstored unstored{batch, std::exchange(unkept_, {})};
  const auto outcomes = static_cast<long>(batch.size()),
             lines = static_cast<long>(unstored.lines.size());
  try {
    keep_(unstored);
  } catch (const Error& e) {
    log::error(outcomes > 0 ? "outcomes are lost; their jobs will run again" : "log lines are lost",
               {{"outcomes", outcomes}, {"log_lines", lines}, {"error", e.what()}});
    return false;
  }
  log::warn(
      outcomes > 0 ? "outcomes are kept for the next run" : "log lines are kept for the next run",
      {{"outcomes", outcomes}, {"log_lines", lines}});
  return true;
}

void Recorder::count(const std::vector<queue::Settled>& batch,
                     std::vector<job::ExecutionId> stored) {
  std::sort(stored.begin(), stored.end());
  const std::lock_guard lock(mutex_);
  stored_outcomes_ += static_cast<long>(batch.size());
  for (const auto& settled : batch) {
    const auto result = settled.outcome.result;
    if (!std::binary_search(stored.begin(), stored.end(), settled.claim.execution_id)) {
      ++tally_.lost;
      log::warn("the outcome of a job is refused: its claim was lost",
                {{"job", settled.claim.id}, {"attempt", settled.claim.attempt}});
    } else if (result == job::Result::completed || result == job::Result::skipped ||
               result == job::Result::snoozed) {
      ++tally_.completed;
    } else {
      ++tally_.failed;
    }
  }
}

}  // namespace schedctl::run
