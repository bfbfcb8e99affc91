// Backoff: how long to wait before the next attempt. A pure function; jitter from a seed.
#pragma once

#include <cstdint>
#include <vector>

#include "util/clock.h"

namespace schedctl::job {

struct Backoff {
  enum class Kind { exponential, fixed, linear, list };
  Kind kind = Kind::exponential;
  Duration base_delay = std::chrono::seconds(5);
  double multiplier = 2.0;
  Duration max_delay = std::chrono::hours(1);
  double jitter = 0.1;           // the delay is spread over [d * (1 - jitter), d * (1 + jitter)]
  std::vector<Duration> delays;  // of kind list; the last one repeats
};

// The delay after the failure number `failures` (1 = the first). Never below 0, never above
// max_delay (jitter included), no overflow whatever the numbers. The same seed gives the same
// delay.
Duration delay(const Backoff& backoff, int failures, std::uint64_t seed);

}  // namespace schedctl::job
