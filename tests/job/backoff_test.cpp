#include "job/backoff.h"

#include <doctest/doctest.h>

#include <climits>
#include <cmath>
#include <limits>
#include <set>

namespace schedctl::job {
namespace {

using namespace std::chrono_literals;

Backoff without_jitter(Backoff::Kind kind) {
  Backoff backoff;
  backoff.kind = kind;
  backoff.jitter = 0;
  return backoff;
}

const Backoff::Kind all_kinds[] = {Backoff::Kind::exponential, Backoff::Kind::fixed,
                                   Backoff::Kind::linear, Backoff::Kind::list};

}  // namespace

TEST_SUITE("job::backoff") {
  TEST_CASE("exponential: 5 s, 10 s, 20 s and so on up to the longest delay") {
    const Backoff backoff = without_jitter(Backoff::Kind::exponential);
    const Duration expected[] = {5s, 10s, 20s, 40s, 80s, 160s, 320s, 640s, 1280s, 2560s, 1h, 1h};
    int failures = 0;
    for (const Duration wanted : expected) CHECK(delay(backoff, ++failures, 1) == wanted);
  }

  TEST_CASE("fixed, linear and a list of delays, whose last one repeats") {
    CHECK(delay(without_jitter(Backoff::Kind::fixed), 9, 1) == 5s);
    CHECK(delay(without_jitter(Backoff::Kind::linear), 3, 1) == 15s);

    Backoff list = without_jitter(Backoff::Kind::list);
    CHECK(delay(list, 4, 1) == 5s);  // an empty list falls back to the base
    list.delays = {1s, 1min, 10min};
    CHECK(delay(list, 1, 1) == 1s);
    CHECK(delay(list, 2, 1) == 1min);
    CHECK(delay(list, 3, 1) == 10min);
    CHECK(delay(list, 70, 1) == 10min);
  }

  TEST_CASE("attempt 70 with factor 2 and any base is capped") {
    for (const Duration base :
         {Duration(1), Duration(5s), Duration(1'000'000'000'000'000'000), Duration::max()}) {
      Backoff backoff = without_jitter(Backoff::Kind::exponential);
      backoff.base_delay = base;
      CHECK(delay(backoff, 70, 1) == 1h);
    }
  }

  TEST_CASE("no numbers overflow, whatever they are") {
    const Duration durations[] = {Duration::min(),
                                  Duration(-1),
                                  Duration(0),
                                  Duration(1),
                                  Duration(1'000'000'000'000'000'000),
                                  Duration::max()};
    const double factors[] = {
        -std::numeric_limits<double>::infinity(), -2,          0, 0.5, 1, 2, 1e308,
        std::numeric_limits<double>::infinity(),  std::nan("")};
    const int counts[] = {INT_MIN, -1, 0, 1, 2, 70, 1'000'000, INT_MAX};
    for (const auto kind : all_kinds)
      for (const auto base : durations)
        for (const auto longest : durations)
          for (const double factor : factors)
            for (const double jitter : {factor, 0.1, 1.0})
              for (const int failures : counts) {
                const Backoff backoff{kind, base, factor, longest, jitter, {base, longest}};
                const Duration found = delay(backoff, failures, 42);
                REQUIRE(found >= 0s);
                REQUIRE(found <= std::max(longest, Duration(0)));
              }
  }

  TEST_CASE("before jitter no delay is shorter than the one before") {
    for (const auto kind :
         {Backoff::Kind::exponential, Backoff::Kind::fixed, Backoff::Kind::linear})
      for (const double multiplier : {0.0, 0.5, 1.0, 1.5, 2.0, 10.0}) {
        Backoff backoff = without_jitter(kind);
        backoff.multiplier = multiplier;
        Duration before(0);
        for (int failures = 1; failures <= 100; ++failures) {
          const Duration now = delay(backoff, failures, 1);
          REQUIRE(now >= before);
          before = now;
        }
      }
  }

  TEST_CASE("zero and negative delays mean at once") {
    Backoff backoff;
    for (const Duration base : {Duration(0), Duration(-5s)}) {
      backoff.base_delay = base;
      CHECK(delay(backoff, 1, 1) == 0s);
      CHECK(delay(backoff, 70, 1) == 0s);
    }
    backoff.base_delay = 5s;
    backoff.max_delay = -1s;
    CHECK(delay(backoff, 3, 1) == 0s);
  }

  TEST_CASE("jitter stays inside its band and below the longest delay") {
    for (const double jitter : {0.0, 0.1, 0.5, 1.0})
      for (int failures = 1; failures <= 15; ++failures) {
        Backoff backoff;
        backoff.jitter = jitter;
        Backoff plain = backoff;
        plain.jitter = 0;
        const auto middle = static_cast<double>(delay(plain, failures, 0).count());
        for (std::uint64_t seed = 0; seed < 200; ++seed) {
          const Duration found = delay(backoff, failures, seed);
          REQUIRE(static_cast<double>(found.count()) >= middle * (1 - jitter) - 1);
          REQUIRE(static_cast<double>(found.count()) <= middle * (1 + jitter) + 1);
          REQUIRE(found <= backoff.max_delay);
        }
      }
  }

  TEST_CASE("jobs that failed together are spread, also at the longest delay") {
    const Backoff backoff;
    for (const int failures : {1, 40}) {
      std::set<Duration> found;
      for (std::uint64_t seed = 0; seed < 100; ++seed) found.insert(delay(backoff, failures, seed));
      CHECK(found.size() > 80);
    }
  }

  TEST_CASE("the same seed gives the same delay") {
    const Backoff backoff;
    CHECK(delay(backoff, 3, 7) == delay(backoff, 3, 7));
    CHECK(delay(backoff, 3, 7) != delay(backoff, 3, 8));
  }
}

}  // namespace schedctl::job
