// Times of recovery: taken once among the other tests, often when $SCHEDCTL_RECOVERY_ROUNDS says
// so.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace schedctl::test {

using Seconds = std::chrono::duration<double>;

int rounds();
bool measures();  // there is time for many rounds, and nobody else on the machine

// How much more than its target a time may be: sanitizers make everything several times slower, and
// among other tests, on a busy machine, a single round tells only what is far from its target.
double allowance();

// Says how the times were, in seconds, and holds the 95th percentile to the target.
void check_times(const std::string& what, std::vector<double> times, double target);

}  // namespace schedctl::test
