// Job: one piece of due work. Claim: a job held under a lease. The nouns of the queue; no I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "util/clock.h"

namespace schedctl::job {

using JobId = std::int64_t;
using ExecutionId = std::int64_t;
using WorkerId = std::int64_t;

inline constexpr int default_priority = 5;
inline constexpr int max_priority = 100;

struct Claim {
  JobId id = 0;
  ExecutionId execution_id = 0;
  std::string token;     // uuid, one per claim statement; every later write must show it
  std::string place;     // where the row lies as long as nobody changes it; PostgreSQL's ctid
  std::string job_type;  // names the handler
  std::string payload;   // JSON object, byte for byte as it was enqueued; empty for types that do
                         // not read it, and as long as payload_left_out
  bool payload_left_out = false;  // too large to come with the claim
  int priority = default_priority;
  int attempt = 1;        // 1 on the first run
  int interruptions = 0;  // of the attempts, those that were cut off and not the job's fault
  std::optional<int> max_attempts;  // null: the handler's max_retries + 1 on top of `attempts_base`
  int attempts_base = 0;            // attempts before a person last sent the dead job back
  std::optional<Duration> timeout;  // null: the handler's
  std::optional<std::string> slot;  // RFC 3339, when made from a slot
  std::string idempotency_key;      // the same on every attempt
  bool expired = false;             // expires_at had passed at the claim: to be skipped, not run
};

}  // namespace schedctl::job
