#include "run/tick.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include "db/migrate.h"
#include "queue/claim.h"
#include "queue/look.h"
#include "run/host_lock.h"
#include "run/planner.h"
#include "run/prune.h"
#include "run/rescue_pass.h"
#include "run/spool.h"
#include "run/work.h"
#include "util/log.h"
#include "util/process_tree.h"
#include "util/signals.h"
#include "util/text.h"

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;

// Missing tables or columns mean a schema that this binary cannot use: say which, and what mends
// it.
queue::Look look(db::Connection& connection, const config::Config& config) {
  std::vector<std::string> types;
  for (const auto& [type, handler] : config.handlers) types.push_back(type);
  try {
    db::Transaction tx(connection, db::autocommit);
    auto seen = queue::look(tx, config.process.host, SCHEDCTL_VERSION, types);
    db::check_version(seen.schema_version, config.database.schema);
    return seen;
  } catch (const DatabaseError& e) {
    if (e.code() == ExitCode::config)
      db::check_version(db::installed_version(connection), config.database.schema);
    throw;
  }
}

// One that is stopped (Ctrl-Z, SIGSTOP) would silently keep all work of this host waiting.
void tell_of_holder(const std::string& holder) {
  const auto pid = HostLock::process_of(holder);
  if (pid > 0 && state_of(pid) == 'T')
    log::warn("another run of this host holds the lock and is stopped: continue or kill it",
              {{"holder", holder}});
  else
    log::info("another run of this host holds the lock; nothing to do", {{"holder", holder}});
}

bool any_due(const std::vector<queue::Level>& levels, Time now) {
  for (const auto& level : levels)
    if (level.first <= now) return true;
  return false;
}

// The jobs of the dead are taken back all the same, so that they are due when the pause ends.
ExitCode paused_tick(const queue::Pause& pause, const std::optional<DeathWatch>& watch,
                     db::Connection& connection, const config::Config& config) {
  log::info("paused; nothing is claimed", {{"since", format_utc(pause.since)},
                                           {"until", pause.until ? format_utc(*pause.until) : ""},
                                           {"reason", pause.reason},
                                           {"by", pause.by}});
  if (watch) rescue_suspects(*watch, connection, config);
  return ExitCode::ok;
}

ExitCode locked_tick(const config::Config& config, const TickOptions& options,
                     Clock::time_point start, HostLock& host_lock) {
  const auto types = claimable_types(config, options);
  db::Connection connection(config.database, db::Session::claiming);
  if (connection.in_recovery()) {
    log::info("the server is a standby; nothing to do here");
    return ExitCode::ok;
  }
  if (connection.read_only())
    throw DatabaseError(ExitCode::temporary,
                        "database: the server is read-only: connect to the primary, or see "
                        "default_transaction_read_only");
  const auto seen = look(connection, config);
  const DatabaseClock clock(seen.now);
  Spool(config, seen.installation).replay(connection, config);
  std::optional<DeathWatch> watch;
  if (seen.has_workers) watch = rescue_pass(connection, config);
  remove_stale_worker_locks(folder_of(config.process.lock_file), seen.installation,
                            watch ? watch->lock_files() : std::set<std::string>());

  Planner planner(config, connection);
  planner.declare(seen, clock.now());
  if (seen.pause) return paused_tick(*seen.pause, watch, connection, config);

  const auto look_again = [&] {
    db::Transaction tx(connection, db::autocommit);
    return queue::waiting(tx, types);
  };
  auto waiting = look_again();
  if (waiting.plan_at && *waiting.plan_at <= clock.now() && planner.plan(clock.now()))
    waiting = look_again();
  const bool lingers = config.process.linger.count() > 0;  // then it works also when nothing is due
  if (watch && !lingers && !any_due(waiting.levels, clock.now()) &&
      rescue_suspects(*watch, connection, config).rescued > 0)
    waiting = look_again();
  auto code = ExitCode::ok;
  const bool works = (lingers || any_due(waiting.levels, clock.now())) && signals::count() == 0;
  const auto window_end = start + std::max(config.process.max_runtime, config.process.linger);
  if (works)
    code = work({config, options, types, clock, seen.installation, window_end, watch, planner},
                connection, std::move(waiting), host_lock);
  if (works || seen.first_of_hour) prune(connection, config.retention, clock);
  return code;
}

}  // namespace

ExitCode tick(const config::Config& config, const TickOptions& options) {
  const auto start = Clock::now();
  signals::install();
  std::string holder;
  auto host_lock = HostLock::take(config.process.lock_file, holder);
  if (!host_lock) {
    tell_of_holder(holder);
    return ExitCode::ok;
  }
  auto code = ExitCode::ok;
  try {
    code = locked_tick(config, options, start, *host_lock);
  } catch (const Error& e) {
    if (signals::count() == 0) throw;
    log::error("stopped by a signal; before that", {{"error", e.what()}});
  }
  return signals::count() > 0 ? static_cast<ExitCode>(128 + signals::first()) : code;
}

std::vector<std::string> claimable_types(const config::Config& config, const TickOptions& options) {
  std::vector<std::string> types = options.job_types;
  if (types.empty())
    for (const auto& [type, handler] : config.handlers) types.push_back(type);
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  for (const auto& type : types)
    if (!config.handlers.contains(type)) {
      std::vector<std::string> known;
      for (const auto& [name, handler] : config.handlers) known.push_back(name);
      const auto near = suggestion(type, known);
      throw UsageError(fmt::format("--type {}: no handler of that name is configured here{}",
                                   escape_control(type),
                                   near ? fmt::format(": did you mean \"{}\"?", *near) : ""));
    }
  return types;
}

// In a transaction that is rolled back, so that what would be planned is among it.
Preview preview(const config::Config& config, const TickOptions& options) {
  const auto types = claimable_types(config, options);
  db::Connection connection(config.database);
  db::Transaction tx(connection);
  Preview seen{queue::current_pause(tx), {}};
  if (seen.pause) return seen;
  const auto now = tx.now();
  if (!connection.read_only() && !connection.in_recovery())
    Planner(config, connection).preview(tx, now);
  for (const auto& row : queue::due(tx, now, types, static_cast<int>(options.limit.value_or(1000))))
    seen.jobs.push_back({row["id"].as<long>(), row["job_type"].c_str(), row["priority"].as<int>(),
                         format_utc(db::time_of(row["scheduled_for"])), row["attempt"].as<int>()});
  return seen;
}

}  // namespace schedctl::run
