// Payloads: those that are too large to come with their claims.
#pragma once

#include <cstddef>
#include <vector>

#include "config/config.h"
#include "db/connection.h"
#include "job/job.h"
#include "run/recorder.h"
#include "util/clock.h"

namespace schedctl::run {

// More is not made ready ahead, however short the handlers are.
inline constexpr std::size_t max_waiting_payload_bytes = 32 * 1024 * 1024;

struct PayloadParts {
  const config::Config& config;
  const DatabaseClock& clock;
  db::Connection& connection;
  Recorder& recorder;
};

// Loads the payloads that were left out of these claims, whose claim has been committed, one by
// one: so one that does not fit into memory costs its own job an attempt, and a run that dies of it
// costs that job an interruption, and no other job anything. What is lost or has failed is removed;
// so is what is too much at once, which is given back. Returns how many were given back. Throws
// DatabaseError when the connection is lost; then all are given back.
std::size_t load_payloads(std::vector<job::Claim>& claims, const PayloadParts& parts);

}  // namespace schedctl::run
