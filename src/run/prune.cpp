#include "run/prune.h"

#include <chrono>

#include "queue/prune.h"
#include "util/error.h"
#include "util/log.h"
#include "util/signals.h"

namespace schedctl::run {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 10s;
constexpr int batch = 2000;

using Prune = int (*)(db::Transaction&, Time, int);

bool outlived(db::Connection& connection, const config::Retention& retention) {
  db::Transaction tx(connection, db::autocommit);
  return queue::outlived(tx, retention);
}

long prune_all(db::Connection& connection, Prune prune, Time before, Clock::time_point end) {
  long total = 0;
  for (int pruned = batch; pruned == batch && Clock::now() < end && signals::count() == 0;) {
    db::Transaction tx(connection, db::autocommit);
    pruned = prune(tx, before, batch);
    total += pruned;
  }
  return total;
}

}  // namespace

void prune(db::Connection& connection, const config::Retention& retention,
           const DatabaseClock& clock) {
  const auto end = Clock::now() + patience;
  const auto now = clock.now();
  try {
    if (!outlived(connection, retention)) return;
    const long completed =
        prune_all(connection, queue::prune_completed, now - retention.completed, end);
    const long failed = prune_all(connection, queue::prune_failed, now - retention.failed, end);
    const long lines = prune_all(connection, queue::prune_logs, now - retention.logs, end);
    if (completed + failed + lines == 0) return;  // what is old belongs to jobs that wait or run
    log::info("deleted old history", {{"executions", completed + failed}, {"log_lines", lines}});
  } catch (const DatabaseError& e) {
    log::warn("old history could not be deleted; the next run goes on", {{"error", e.what()}});
  }
}

}  // namespace schedctl::run
