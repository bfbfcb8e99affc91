// Recovery: how long jobs stood still after their run was killed.
#pragma once

#include <chrono>
#include <vector>

#include "chaos/journal.h"

namespace schedctl::chaos {

using Milliseconds = std::chrono::duration<double, std::milli>;

// The act after which recovery is timed.
inline constexpr const char* killed_run = "kill";

// For each attempt that was under way when its run was killed: until the same job started again, if
// it did without a person's help.
std::vector<Milliseconds> recovery_times(const std::vector<Record>& journal);

struct Spread {
  std::size_t count = 0;
  Milliseconds median{0}, p95{0}, worst{0};
};
Spread spread_of(std::vector<Milliseconds> times);

}  // namespace schedctl::chaos
