// Handler: how the work of one job type is done. Context: what a handler may ask of the run.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "config/config.h"
#include "db/transaction.h"
#include "job/job.h"
#include "job/outcome.h"
#include "util/reaper.h"

namespace schedctl::handlers {

enum class Stream { out, err, schedctl };  // job_logs.stream: "stdout", "stderr", "schedctl"

// Why the stop token fired; decides the outcome.
enum class StopReason { none, shutdown, cancelled, fence_lost };

struct Context {
  std::stop_token stop;  // fired when the run must end now; ask `stop_reason` why
  std::function<StopReason()> stop_reason;
  std::function<bool()> kill_now;  // the stop is out of patience: KILL instead of TERM
  std::chrono::steady_clock::time_point started;
  std::optional<std::chrono::steady_clock::time_point> deadline;  // none: no limit
  std::string deadline_utc;  // the deadline in database time, RFC 3339; empty: none
  // One line of the job's log, stored while the job runs. Any bytes; made storable by the callee.
  // Thread-safe.
  std::function<void(Stream, std::string_view line)> log;
  // The process keeper of this place. Used by one handler at a time.
  Reaper* reaper = nullptr;
  int place = -1;  // the place's lock, to be held by the reaper until the tree is gone
  // For handlers whose work is a transaction: records the outcome in `tx` under the fence. False:
  // the claim is lost, roll back. The caller commits and sets Outcome::stored.
  std::function<bool(db::Transaction& tx, const job::Outcome& outcome)> record_in;
  const config::Database* database = nullptr;  // for handlers that open a connection of their own
};

class Handler {
 public:
  virtual ~Handler() = default;
  // Blocks until the work is over, the deadline has passed or the stop token fired. Called from one
  // thread per place at once, so it keeps no state between runs. Throws nothing but std::bad_alloc:
  // a fault of the work is an Outcome.
  virtual job::Outcome run(const job::Claim& claim, Context& context) const = 0;
  // True: does no I/O, succeeds at once and does not read the payload, so that thousands are taken
  // at a time and one transaction takes, runs and records them.
  virtual bool in_process() const { return false; }
  virtual bool needs_reaper() const { return false; }
};

using Registry = std::map<std::string, std::unique_ptr<Handler>>;  // by job type

// One handler per entry of the configuration, `noop` included.
Registry make_handlers(const config::Config& config);

}  // namespace schedctl::handlers
