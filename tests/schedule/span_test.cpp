#include "schedule/span.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>

#include "schedule/schedules.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;

Time at(const std::string& text) { return parse_time(text); }

// The same by visiting every slot.
void check_span(const Schedule& schedule, Time from, Time to) {
  const auto slots = slots_between(schedule, from, to, 10'000'000);
  const auto span = span_between(schedule, from, to);
  CAPTURE(format_utc(from));
  CAPTURE(format_utc(to));
  REQUIRE(span.has_value() != slots.empty());
  CHECK(last_slot_between(schedule, from, to).has_value() == span.has_value());
  if (!span) return;
  CHECK(span->first == slots.front().utc);
  CHECK(span->last == slots.back().utc);
  CHECK(span->count == static_cast<std::int64_t>(slots.size()));
}

}  // namespace

TEST_SUITE("schedule::span") {
  TEST_CASE("spans say what a visit to each slot says, in every zone and around every change") {
    std::mt19937 random(20260329);
    const auto pick = [&](std::vector<std::string> from) { return from[random() % from.size()]; };
    for (int round = 0; round < 3000; ++round) {
      const auto text =
          fmt::format("{} {} {} {} {}", pick({"*", "0", "30", "*/20", "7,37"}),
                      pick({"*", "2", "*/6", "0-3", "23"}), pick({"*", "*", "1", "L", "13-20"}),
                      pick({"*", "*", "3,10"}), pick({"*", "*", "sun", "mon-fri", "5L"}));
      const auto zone = pick({"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                              "America/St_Johns", "Africa/Casablanca", "Pacific/Apia"});
      CAPTURE(text);
      CAPTURE(zone);
      const Time from = at("2011-10-01T00:00:00Z") + std::chrono::seconds(random() % 500'000'000);
      check_span(cron(text, zone), from, from + std::chrono::seconds(random() % 20'000'000));
    }
  }

  TEST_CASE("intervals, single instants and starts of a host have spans too") {
    const auto interval = with(Interval{10s, 3s});
    const Time from = at("2026-01-01T00:00:03Z");
    check_span(interval, from, from);
    check_span(interval, from, from + 1us);
    check_span(interval, from + 1us, from + 10s);
    check_span(interval, from, from + 1h);
    const auto once = with(Moment{from, {}});
    check_span(once, from, from + 1us);
    check_span(once, from - 1h, from);
    check_span(once, from - 1h, from + 24h);
    CHECK_FALSE(span_between(with(Reboot{}), from, from + 24h).has_value());
  }

  TEST_CASE("start and end bound a span") {
    auto nightly = cron("0 2 * * *");
    nightly.start = at("2026-02-01T00:00:00Z");
    nightly.end = at("2026-03-01T02:00:00Z");

    const auto span = span_between(nightly, at("2020-01-01T00:00:00Z"), at("2030-01-01T00:00:00Z"));

    REQUIRE(span);
    CHECK(format_utc(span->first) == "2026-02-01T02:00:00Z");
    CHECK(format_utc(span->last) == "2026-02-28T02:00:00Z");
    CHECK(span->count == 28);
  }

  TEST_CASE("a thousand years of seconds are counted at once") {
    const auto each_second = cron("* * * * * *", "Europe/Berlin");
    const Time from = at("2026-01-01T00:00:00Z");
    const auto began = std::chrono::steady_clock::now();

    const auto year = span_between(each_second, from, at("2027-01-01T00:00:00Z"));
    const auto interval = span_between(with(Interval{1s, 0s}), from, at("3026-01-01T00:00:00Z"));

    CHECK(year->count == 365 * 86400);
    CHECK(format_utc(year->last) == "2026-12-31T23:59:59Z");
    CHECK(interval->count == 365'242LL * 86400);
    CHECK(std::chrono::steady_clock::now() - began < 1s);
  }
}

}  // namespace schedctl::schedule
