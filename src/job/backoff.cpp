#include "job/backoff.h"

#include <algorithm>
#include <cmath>

namespace schedctl::job {
namespace {

// Everything is worked out in double, which reaches infinity instead of overflowing.
double milliseconds_of(Duration duration) {
  return static_cast<double>(std::max<Duration::rep>(duration.count(), 0));
}

double before_jitter(const Backoff& backoff, double failures) {
  const double base = milliseconds_of(backoff.base_delay);
  switch (backoff.kind) {
    case Backoff::Kind::fixed:
      return base;
    case Backoff::Kind::linear:
      return base * failures;
    case Backoff::Kind::list: {
      if (backoff.delays.empty()) return base;
      const auto last = static_cast<double>(backoff.delays.size());
      return milliseconds_of(
          backoff.delays[static_cast<std::size_t>(std::min(failures, last)) - 1]);
    }
    case Backoff::Kind::exponential:
      break;
  }
  if (base == 0) return 0;  // 0 times infinity is not a number
  const double multiplier = backoff.multiplier > 1 ? backoff.multiplier : 1;
  return base * std::pow(multiplier, failures - 1);
}

// A number in [0, 1) that depends on both arguments, so that the attempts of one job differ too.
// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (splitmix64).
double uniform(std::uint64_t seed, int failures) {
  std::uint64_t z = seed + 0x9E3779B97F4A7C15U * static_cast<std::uint64_t>(failures);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  z ^= z >> 31U;
  return static_cast<double>(z >> 11U) * 0x1p-53;
}

}  // namespace

Duration delay(const Backoff& backoff, int failures, std::uint64_t seed) {
  const int counted = std::max(failures, 1);
  const Duration longest = std::max(backoff.max_delay, Duration(0));
  const double cap = milliseconds_of(longest);
  const double wanted = std::min(before_jitter(backoff, counted), cap);
  const double jitter = backoff.jitter > 0 ? std::min(backoff.jitter, 1.0) : 0;

  // At the cap the band is cut, not the result: otherwise half of the delays would be equal and
  // meet again.
  const double low = wanted * (1 - jitter), high = std::min(wanted * (1 + jitter), cap);
  const double chosen = std::round(low + (high - low) * uniform(seed, counted));
  if (chosen >= cap) return longest;  // also keeps the cast below in range
  return std::min(Duration(static_cast<Duration::rep>(chosen)), longest);
}

}  // namespace schedctl::job
