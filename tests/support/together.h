// Together: what mostly waits need not wait in line.
#pragma once

#include <functional>
#include <vector>

namespace schedctl::test {

// Runs each part on a thread of its own, and returns when all are over. A part that ends early, by
// a failed REQUIRE or an exception, fails the test; the others go on.
void together(const std::vector<std::function<void()>>& parts);

}  // namespace schedctl::test
