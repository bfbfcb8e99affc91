#include "support/times.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace schedctl::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double slowness = 3;
#else
constexpr double slowness = 1;
#endif

const char* asked_rounds() { return std::getenv("SCHEDCTL_RECOVERY_ROUNDS"); }

}  // namespace

bool measures() { return asked_rounds() != nullptr; }

int rounds() { return measures() ? std::atoi(asked_rounds()) : 1; }

double allowance() { return measures() ? slowness : 2 * slowness; }

void check_times(const std::string& what, std::vector<double> times, double target) {
  REQUIRE_FALSE(times.empty());
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  const auto line =
      fmt::format("{}: {} runs, median {:.3f} s, p95 {:.3f} s, worst {:.3f} s, target {} s", what,
                  times.size(), at(0.5), at(0.95), times.back(), target);
  MESSAGE(line);
  CHECK(at(0.95) <= target * allowance());
}

}  // namespace schedctl::test
