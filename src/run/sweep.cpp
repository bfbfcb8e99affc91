#include "run/sweep.h"

namespace schedctl::run {

int Sweep::batch(db::Connection& connection, const Backlog::Levels& levels, int limit) {
  queue::ClaimRequest request;
  request.now = parts_.clock.now();
  request.priority = levels[0].priority;
  request.limit = limit;
  request.with_payload = false;
  for (const auto& level : levels) {
    request.job_types.push_back(level.job_type);
    request.after.push_back(positions_.position(level.job_type, request.priority));
  }
  const bool guarded = levels[0].claim_class == queue::ClaimClass::guarded;
  db::Transaction tx(connection);
  auto held = guarded ? queue::hold_guarded(tx, request) : queue::hold(tx, request);
  auto positions = positions_;
  std::vector<queue::Settled> batch;
  batch.reserve(held.size());
  for (auto& one : held) {
    positions.advance(one.claim.job_type, request.priority, {one.scheduled_for, one.claim.id});
    batch.push_back(run_at_once(parts_.handlers, parts_.clock, std::move(one.claim)));
  }
  if (!batch.empty()) queue::finish(tx, batch, parts_.worker);
  tx.commit();
  // Those who come late, and what was held by others, may lie behind.
  positions_ = static_cast<int>(batch.size()) < limit ? Backlog() : std::move(positions);
  return static_cast<int>(batch.size());
}

queue::Settled run_at_once(const handlers::Registry& handlers, const DatabaseClock& clock,
                           job::Claim claim) {
  queue::Settled settled;
  settled.claim = std::move(claim);
  settled.started_at = clock.now();
  handlers::Context context;
  settled.outcome = settled.claim.expired
                        ? job::expired_outcome()
                        : handlers.at(settled.claim.job_type)->run(settled.claim, context);
  settled.finished_at = clock.now();
  return settled;
}

}  // namespace schedctl::run
