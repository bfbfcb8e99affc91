#include "run/payloads.h"

#include <iterator>
#include <new>
#include <string>
#include <utility>

#include "queue/claim.h"

namespace schedctl::run {
namespace {

void settle_unstarted(const job::Claim& claim, job::Outcome outcome, const PayloadParts& parts) {
  const auto& retry = parts.config.handlers.at(claim.job_type).retry;
  parts.recorder.settle(
      {claim,
       std::move(outcome),
       std::nullopt,
       parts.clock.now(),
       {retry.max_retries, retry.backoff, parts.config.recovery.max_interruptions}});
}

// False: there is nothing to be run. Throws DatabaseError when the connection is lost.
bool load(job::Claim& claim, const PayloadParts& parts) {
  if (!claim.payload_left_out || claim.expired) return true;
  std::string fault;
  try {
    db::Transaction tx(parts.connection, db::autocommit);
    return queue::load_payload(tx, claim);
  } catch (const DatabaseError& e) {
    if (e.connection_lost()) throw;
    fault = e.what();
  } catch (const std::bad_alloc&) {
    fault = "out of memory";
  }
  claim.payload = {};
  settle_unstarted(claim,
                   {.result = job::Result::failed,
                    .error_class = "payload",
                    .error_message = "its payload could not be loaded: " + fault},
                   parts);
  return false;
}

}  // namespace

std::size_t load_payloads(std::vector<job::Claim>& claims, const PayloadParts& parts) {
  auto claim = claims.begin();
  std::size_t bytes = 0;
  try {
    while (claim != claims.end() && bytes < max_waiting_payload_bytes) {
      if (!load(*claim, parts)) {
        claim = claims.erase(claim);
      } else {
        bytes += claim->payload.size();
        ++claim;
      }
    }
  } catch (...) {  // the one that it happened with may be to blame: libpq ends a connection for
                   // want of memory
    settle_unstarted(*claim,
                     {.result = job::Result::interrupted,
                      .error_class = "payload",
                      .error_message = "the connection was lost while its payload was loaded"},
                     parts);
    claims.erase(claim);
    parts.recorder.give_back(std::move(claims));
    throw;
  }
  std::vector<job::Claim> rest(std::make_move_iterator(claim),
                               std::make_move_iterator(claims.end()));
  claims.erase(claim, claims.end());
  const auto given_back = rest.size();
  if (given_back > 0) parts.recorder.give_back(std::move(rest));
  return given_back;
}

}  // namespace schedctl::run
