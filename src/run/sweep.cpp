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
  db::Transaction tx(connection);
  auto held = queue::hold(tx, request);
  std::vector<queue::Settled> batch;
  batch.reserve(held.size());
  for (auto& one : held) {
    positions_.advance(one.claim.job_type, request.priority, {one.scheduled_for, one.claim.id});
    batch.push_back(run(std::move(one.claim)));
  }
  if (!batch.empty()) queue::finish(tx, batch, parts_.worker);
  tx.commit();
  // Those who come late, and what was held by others, may lie behind.
  if (static_cast<int>(batch.size()) < limit) positions_ = {};
  return static_cast<int>(batch.size());
}

queue::Settled Sweep::run(job::Claim claim) const {
  queue::Settled settled;
  settled.claim = std::move(claim);
  settled.started_at = parts_.clock.now();
  handlers::Context context;
  settled.outcome = parts_.handlers.at(settled.claim.job_type)->run(settled.claim, context);
  settled.finished_at = parts_.clock.now();
  return settled;
}

}  // namespace schedctl::run
