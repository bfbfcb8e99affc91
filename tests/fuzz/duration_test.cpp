#include <doctest/doctest.h>

#include "fuzz/mutator.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl {
namespace {

const std::vector<std::string> durations = {
    "500ms", "30s", "5m", "1h30m", "2d", "1w", "0s", "90m", "1w2d3h", "9223372036854775807ms"};
const std::vector<std::string> sizes = {"64KiB", "50MB", "1024",
                                        "1GiB",  "0",    "9223372036854775807"};
const std::vector<std::string> times = {"2026-11-22T06:12:00Z", "2026-11-22 06:12:00.123456+00",
                                        "2027-01-01T09:00",     "2026-02-29T00:00:00+05:30",
                                        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"};

struct Tally {
  std::uint64_t accepted = 0, refused = 0;
  std::string finding;
};

// `again` reads a value, writes it and reads that: both readings have to be the same.
template <typename Again>
Tally feed(test::Mutator mutator, std::uint64_t inputs, const Again& again) {
  Tally tally;
  for (std::uint64_t i = 0; i < inputs; ++i) {
    const auto text = mutator.damaged(3);
    try {
      if (!again(text)) tally.finding = text;
      ++tally.accepted;
    } catch (const DataError& error) {
      if (!test::is_one_short_line(error.what(), 400)) tally.finding = text;
      ++tally.refused;
    }
  }
  return tally;
}

void check(const Tally& tally, std::uint64_t inputs) {
  CHECK(tally.finding == "");
  // Else it would be the mutations that are worthless.
  CHECK(tally.accepted > inputs / 50);
  CHECK(tally.refused > inputs / 10);
  MESSAGE(inputs << " inputs: " << tally.accepted << " accepted, " << tally.refused << " refused");
}

}  // namespace

TEST_SUITE("fuzz::duration") {
  TEST_CASE("a damaged duration is refused in one short line, or written and read again as it is") {
    const auto inputs = test::fuzz_inputs(200'000);
    const auto again = [](const std::string& text) {
      const auto duration = parse_duration(text);
      return duration >= Duration(0) && parse_duration(format_duration(duration)) == duration;
    };
    check(feed(test::Mutator(durations, "0123456789mshdw .-+"), inputs, again), inputs);
  }

  TEST_CASE("a damaged size is refused in one short line, or written and read again as it is") {
    const auto inputs = test::fuzz_inputs(100'000);
    const auto again = [](const std::string& text) {
      const auto bytes = parse_size(text);
      return bytes >= 0 && parse_size(format_size(bytes)) == bytes;
    };
    check(feed(test::Mutator(sizes, "0123456789KMGTiB .-+"), inputs, again), inputs);
  }

  TEST_CASE("a damaged time is refused in one short line, or written and read again as it is") {
    const auto inputs = test::fuzz_inputs(100'000);
    const auto again = [](const std::string& text) {
      const auto time = parse_time(text);
      return parse_time(format_utc(time)) == time;
    };
    check(feed(test::Mutator(times, "0123456789TZ:-+. "), inputs, again), inputs);
  }
}

}  // namespace schedctl
