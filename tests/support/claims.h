// Claims in few words, for the tests of what happens to them.
#pragma once

#include <string>
#include <vector>

#include "db/connection.h"
#include "queue/claim.h"
#include "queue/settle.h"
#include "support/database.h"

namespace schedctl::test {

// For up to `limit` jobs of one type at the default priority, one hour after `past`.
inline queue::ClaimRequest claim_request(const std::string& type, int limit = 1000) {
  queue::ClaimRequest request;
  request.worker = 1;
  request.now = past + std::chrono::hours(1);
  request.token = queue::draw_token();
  request.priority = job::default_priority;
  request.job_types = {type};
  request.after = {{}};
  request.limit = limit;
  request.installation = "here";
  return request;
}

// A worker in whose name claims can be made.
inline void add_worker(db::Connection& connection, job::WorkerId id = 1) {
  db::Transaction tx(connection, db::autocommit);
  tx.exec_text(
      "insert into workers (id, lease_until, pid, direct, host, boot_id, server_identity, "
      "lock_file, "
      "version) overriding system value values ($1, now() + interval '1 hour', 1, true, 'h', '', "
      "'', "
      "'', '') on conflict do nothing",
      {id});
}

// Jobs in groups after the others, those that were interrupted last.
inline std::vector<job::Claim> claim(db::Connection& connection,
                                     const queue::ClaimRequest& request) {
  add_worker(connection, request.worker);
  db::Transaction tx(connection);
  std::vector<job::Claim> claims;
  for (auto& claimed : queue::claim(tx, request)) claims.push_back(std::move(claimed.claim));
  const queue::Limits no_limits(request.job_types.size());
  for (const auto claim_class : {queue::ClaimClass::guarded, queue::ClaimClass::interrupted})
    for (auto& claimed : queue::claim_guarded(tx, request, claim_class, no_limits))
      claims.push_back(std::move(claimed.claim));
  tx.commit();
  return claims;
}

inline std::vector<job::JobId> ids_of(const std::vector<job::Claim>& claims) {
  std::vector<job::JobId> ids;
  for (const auto& claim : claims) ids.push_back(claim.id);
  return ids;
}

// Retries ten seconds apart.
inline queue::RetryPolicy policy(int max_retries) {
  queue::RetryPolicy retry;
  retry.max_retries = max_retries;
  retry.backoff.kind = job::Backoff::Kind::fixed;
  retry.backoff.base_delay = std::chrono::seconds(10);
  retry.backoff.jitter = 0;
  return retry;
}

// How a claim ended, two seconds after `past`, having run for one.
inline queue::Settled settled(const job::Claim& claim, const job::Outcome& outcome,
                              const queue::RetryPolicy& retry = {}) {
  using std::chrono::seconds;
  return {claim, outcome, past + seconds(1), past + seconds(2), retry};
}

inline std::vector<job::ExecutionId> settle(db::Connection& connection,
                                            const std::vector<queue::Settled>& batch) {
  db::Transaction tx(connection);
  const auto stored = queue::settle(tx, batch, "host:1");
  tx.commit();
  return stored;
}

inline constexpr Time noon = past + std::chrono::hours(12);

// Inserts a job that is due, and claims it.
inline job::Claim claim_new(Database& database) {
  database.insert_pending("x");
  auto connection = database.connect(db::Session::claiming);
  return claim(connection, claim_request("x", 1)).at(0);
}

inline queue::Settled ended(const job::Claim& claim, job::Outcome outcome = {}) {
  return {claim, std::move(outcome), noon, noon + std::chrono::seconds(1), {}};
}

}  // namespace schedctl::test
