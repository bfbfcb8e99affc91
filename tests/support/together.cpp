#include "support/together.h"

#include <doctest/doctest.h>

#include <exception>
#include <thread>

namespace schedctl::test {
namespace {

void run_guarded(const std::function<void()>& part) {
  try {
    part();
  } catch (const std::exception& e) {
    FAIL_CHECK("a part has ended early: " << e.what());
  } catch (...) {  // a REQUIRE that failed has said why
    FAIL_CHECK("a part has ended early");
  }
}

}  // namespace

void together(const std::vector<std::function<void()>>& parts) {
  std::vector<std::jthread> threads;
  for (const auto& part : parts) threads.emplace_back([&part] { run_guarded(part); });
}

}  // namespace schedctl::test
