#include "run/planner.h"

#include <fmt/format.h>

#include "run/death.h"
#include "util/error.h"
#include "util/log.h"
#include "util/signals.h"

namespace schedctl::run {

Planner::Planner(const config::Config& config, db::Connection& connection)
    : config_(config),
      connection_(connection),
      declarations_(config.definitions, zones_),
      boot_id_(read_boot_id()) {}

template <typename Work>
bool Planner::guarded(const char* what, const Work& work) {
  try {
    db::Transaction tx(connection_);
    work(tx);
    tx.commit();
    return true;
  } catch (const DatabaseError& e) {
    if (e.connection_lost()) throw;
    log::error(what, {{"error", e.what()}});
    return false;
  }
}

bool Planner::must_declare(const queue::Look& seen) const {
  if (seen.boot_id != boot_id_) return true;
  if (seen.definitions_hash == schedule::mark_of(declarations_, true)) return false;
  return seen.first_of_hour || seen.definitions_hash != schedule::mark_of(declarations_, false);
}

schedule::Declared Planner::declare_in(db::Transaction& tx, const queue::Look& seen, Time now) {
  return schedule::declare(tx, declarations_,
                           {.host = config_.process.host,
                            .boot_id = boot_id_,
                            .booted = seen.boot_id != boot_id_,
                            .now = now});
}

void Planner::declare(const queue::Look& seen, Time now) {
  if (seen.first_of_hour) keep_up(now);
  if (!must_declare(seen)) return;
  schedule::Declared declared;
  if (guarded("definitions could not be handed over; the next run tries again",
              [&](db::Transaction& tx) { declared = declare_in(tx, seen, now); }))
    report(declared);
}

// A clock that goes back far leaves the hour that it was in.
void Planner::keep_up(Time now) {
  schedule::Upkeep done;
  if (!guarded("definitions could not be looked after",
               [&](db::Transaction& tx) { done = schedule::upkeep(tx, zones_, now); }))
    return;
  if (done.mended > 0)
    log::warn("a clock was ahead by more than a day; definitions go on from now",
              {{"definitions", done.mended}});
  for (const auto& host : done.forgotten)
    log::warn("a host was not heard of for 30 days; what only it declares is retired",
              {{"host", host}, {"retired", done.retired}});
}

bool Planner::plan(Time now, bool eager) {
  bool found = false;
  waits_ = false;
  for (bool more = true; more && signals::count() == 0; eager = false) {
    schedule::Planned planned;
    if (!guarded("planning failed; jobs that are there are run", [&](db::Transaction& tx) {
          planned = schedule::plan(tx, zones_, {now, eager, unusable_});
        }))
      return found;
    report(planned);
    found = found || planned.jobs > 0 || !planned.locked;
    waits_ = waits_ || planned.waiting > 0;
    more = planned.more;
  }
  return found;
}

void Planner::preview(db::Transaction& tx, Time now) {
  const auto seen = queue::look(tx, config_.process.host, SCHEDCTL_VERSION, {});
  if (must_declare(seen)) declare_in(tx, seen, now);
  while (schedule::plan(tx, zones_, {now, false, {}}).more) {
  }
}

void Planner::report(const schedule::Declared& declared) const {
  for (const auto& one : declared.left_out)
    log::warn("a definition is left out", {{"definition", one.name}, {"error", one.why}});
  for (const auto& [name, hosts] : declared.differing)
    log::warn("hosts declare different definitions of one name; the latest change is in force",
              {{"definition", name}, {"hosts", hosts}});
  if (declared.written + declared.retired + declared.jobs == 0) return;
  log::info(
      "definitions handed over",
      {{"written", declared.written}, {"retired", declared.retired}, {"jobs", declared.jobs}});
}

void Planner::report(const schedule::Planned& planned) {
  if (!planned.locked) log::debug("another run plans");
  for (const auto& one : planned.unusable) {
    unusable_.push_back(one.id);
    log::warn("a definition is not planned by this host",
              {{"definition", one.name}, {"error", one.why}});
  }
  if (planned.definitions + planned.waiting == 0) return;
  log::info("planned", {{"definitions", planned.definitions},
                        {"jobs", planned.jobs},
                        {"skipped_slots", static_cast<long>(planned.skipped)},
                        {"waiting", planned.waiting}});
}

}  // namespace schedctl::run
