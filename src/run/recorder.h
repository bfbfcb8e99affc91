// Recorder: stores outcomes and log lines from a thread and a connection of its own, in batches
// that grow with the load, while the claims go on elsewhere.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "config/config.h"
#include "db/transaction.h"
#include "queue/settle.h"
#include "queue/write_logs.h"
#include "run/unstored.h"

namespace schedctl::run {

class Recorder {
 public:
  struct Tally {
    long completed = 0;  // also skipped and snoozed: what needs nobody's attention
    long failed = 0;     // attempts that failed or timed out, were rejected or cut off
    long lost = 0;       // outcomes that the fence refused
  };

  using Keep = std::function<void(const Unstored&)>;
  // `worker` is the name in the history. `safe_until`: when it is no longer certain that the claims
  // are ours; what cannot be stored by then is handed to `keep`, which may throw Error, log lines
  // with outcomes or before this object ends. `stored` is called, from the recorder's thread, after
  // each batch.
  Recorder(const config::Database& database, job::WorkerId id, std::string worker,
           std::function<std::chrono::steady_clock::time_point()> safe_until,
           std::function<void()> stored, Keep keep);
  ~Recorder();  // stores what is there, then ends
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Thread-safe. log() waits while too much is queued, so that a flood of lines cannot fill the
  // memory.
  void log(queue::LogLine line);
  void settle(queue::Settled settled);
  // Somebody waits for the outcomes that are there: no more are to be gathered.
  void store_soon();
  // Runs the jobs on the recorder's own thread, so that the caller can claim the next ones
  // meanwhile. For handlers that take no time.
  using Run = std::function<queue::Settled(job::Claim)>;
  void run_and_settle(std::vector<job::Claim> claims, Run run);
  // Does work of another kind on the recorder's connection, in its turn. It returns how many jobs
  // it has completed; when the database fails it, nothing has happened.
  using Assistance = std::function<long(db::Connection&)>;
  void assist(Assistance work);
  void give_back(std::vector<job::Claim> claims);
  // Gives back what a claim took whose answer was lost.
  void give_back(std::string token);

  // Stores an outcome in the caller's transaction, under the fence. False: the claim was lost.
  // Thread-safe.
  bool record_in(db::Transaction& tx, const queue::Settled& settled) const;
  // Counts an outcome that was stored that way and committed.
  void count_stored();
  // The same for jobs that were never claimed.
  void count_swept(long jobs);
  const std::string& worker() const { return worker_; }

  // What was handed in and is not yet in the database: outcomes, claims, assistance.
  std::size_t unstored() const { return unstored_; }
  bool gave_up() const { return gave_up_; }  // the database was lost with outcomes unstored
  Tally tally() const;
  // Outcomes of claims so far, those that the fence refused too.
  long stored() const { return stored_outcomes_; }
  // Gives up on what cannot be stored soon: the run must end.
  void hurry() { hurried_ = true; }

 private:
  struct Batch {
    std::vector<job::Claim> claims;
    Run run;
  };
  struct Load {
    std::vector<queue::LogLine> lines;
    std::vector<Batch> to_run;
    std::vector<Assistance> assistance;
    std::vector<queue::Settled> plain;  // plain successes
    std::vector<queue::Settled> others;
    std::vector<job::Claim> given_back;
    std::vector<std::string> lost_claims;  // tokens
    void add(queue::Settled settled);
    bool is_urgent() const;  // not to be kept waiting for more
    bool empty() const {
      return lines.empty() && to_run.empty() && assistance.empty() && plain.empty() &&
             others.empty() && given_back.empty() && lost_claims.empty();
    }
  };
  using Store = std::vector<job::ExecutionId> (*)(db::Transaction&,
                                                  const std::vector<queue::Settled>&,
                                                  const std::string&);

  void run();
  void store(Load& load);
  void store_given_back(Load& load);
  void assist_now(const Assistance& work);
  bool give_up(const std::string& why);
  bool keep(const std::vector<queue::Settled>& batch);
  void store_lines(std::vector<queue::LogLine> lines);
  void store_batch(std::vector<queue::Settled>& batch, Store how);
  void isolate(std::vector<queue::Settled>& batch, Store how, const std::string& why);
  void drop_line();
  void count(const std::vector<queue::Settled>& batch, std::vector<job::ExecutionId> stored);
  template <typename Work>
  bool persist(const Work& work);

  const config::Database database_;
  const job::WorkerId id_;
  const std::string worker_;
  const std::function<std::chrono::steady_clock::time_point()> safe_until_;
  const std::function<void()> stored_;
  const Keep keep_;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable drained_;
  Load load_;
  std::size_t line_bytes_ = 0;
  long dropped_lines_ = 0;
  bool ending_ = false;
  bool soon_ = false;
  Tally tally_;

  // Used by the thread only.
  std::optional<db::Connection> connection_;
  std::vector<queue::LogLine> unkept_;  // not taken by the database
  std::atomic<std::size_t> unstored_{0};
  std::atomic<long> stored_outcomes_{0};
  std::atomic<bool> gave_up_{false};
  std::atomic<bool> hurried_{false};
  std::jthread thread_;
};

}  // namespace schedctl::run
