// setting: a number that a person may give a test by the environment.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>

namespace schedctl::test {

// $VARIABLE, or what suits every run of the tests.
inline std::uint64_t setting(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  if (!text || !*text) return otherwise;
  char* end = nullptr;
  const auto value = std::strtoull(text, &end, 10);
  REQUIRE_MESSAGE(*end == '\0', variable << "=" << text << ": use a whole number");
  return value;
}

}  // namespace schedctl::test
