#include "run/rescue_pass.h"

#include <chrono>

#include "util/signals.h"

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;
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

// Looks as long as time alone may prove somebody dead. The last look sees those again that an
// earlier one proved and that were only counted, so it alone counts then.
Toll look_on_and(Deal deal, bool changes, Toll toll, DeathWatch& watch, db::Connection& connection,
                 const config::Config& config) {
  for (;;) {
    const auto evidence = watch.next_evidence();
    if (!evidence || signals::count() > 0) return toll;
    signals::wait(std::chrono::ceil<std::chrono::milliseconds>(*evidence - Clock::now()));
    const auto more = look_and(deal, watch, connection, config);
    toll = changes ? Toll{toll.workers + more.workers, toll.rescued + more.rescued,
                          toll.dead + more.dead}
                   : more;
  }
}

Toll look_and_look_on(Deal deal, bool changes, db::Connection& connection,
                      const config::Config& config) {
  DeathWatch watch(config.process.host, read_boot_id());
  const auto toll = look_and(deal, watch, connection, config);
  return look_on_and(deal, changes, toll, watch, connection, config);
}

}  // namespace

DeathWatch rescue_pass(db::Connection& connection, const config::Config& config) {
  DeathWatch watch(config.process.host, read_boot_id());
  look_and(rescue_all, watch, connection, config);
  return watch;
}

Toll rescue_dead(db::Connection& connection, const config::Config& config) {
  return look_and_look_on(rescue_all, true, connection, config);
}

Toll rescue_suspects(DeathWatch watch, db::Connection& connection, const config::Config& config) {
  return look_on_and(rescue_all, true, {}, watch, connection, config);
}

Toll count_dead(db::Connection& connection, const config::Config& config) {
  return look_and_look_on(count_claims, false, connection, config);
}

}  // namespace schedctl::run
