#include "run/rescue_pass.h"

#include "util/signals.h"

namespace schedctl::run {
namespace {

using Deal = Toll (*)(db::Connection&, const Dead&, int max_interruptions);

Toll look_and(Deal deal, DeathWatch& watch, db::Connection& connection,
              const config::Config& config) {
  std::vector<Dead> dead;
  {
    db::Transaction tx(connection, db::autocommit);
    dead = watch.look(tx, 0);
  }
  Toll sum;
  for (const auto& worker : dead) {
    const auto toll = deal(connection, worker, config.recovery.max_interruptions);
    sum.workers += 1;
    sum.rescued += toll.rescued;
    sum.dead += toll.dead;
  }
  return sum;
}

// The second look sees those again that the first proved and that were only counted, so it alone
// counts then.
Toll two_looks(Deal deal, bool changes, db::Connection& connection, const config::Config& config) {
  DeathWatch watch(config.process.host, read_boot_id());
  auto toll = look_and(deal, watch, connection, config);
  if (!watch.has_suspects() || signals::count() > 0) return toll;
  signals::wait(second_look_after);
  const auto second = look_and(deal, watch, connection, config);
  if (!changes) return second;
  return {toll.workers + second.workers, toll.rescued + second.rescued, toll.dead + second.dead};
}

}  // namespace

Pass rescue_pass(db::Connection& connection, const config::Config& config) {
  DeathWatch watch(config.process.host, read_boot_id());
  const auto toll = look_and(rescue_all, watch, connection, config);
  return {toll, watch.has_suspects(), watch.lock_files()};
}

Toll rescue_dead(db::Connection& connection, const config::Config& config) {
  return two_looks(rescue_all, true, connection, config);
}

Toll count_dead(db::Connection& connection, const config::Config& config) {
  return two_looks(count_claims, false, connection, config);
}

}  // namespace schedctl::run
