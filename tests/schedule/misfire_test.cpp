#include "schedule/misfire.h"

#include <doctest/doctest.h>

#include "schedule/schedules.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;
using Misfire = Policies::Misfire;
using Texts = std::vector<std::string>;

Time at(const std::string& text) { return parse_time("2026-03-10T" + text + "Z"); }

std::string clock(Time time) { return format_utc(time).substr(11, 5); }

Policies with(Misfire misfire, int catchup_max = 10, Duration catchup_window = 24h) {
  Policies policies;
  policies.misfire = misfire;
  policies.catchup_max = catchup_max;
  policies.catchup_window = catchup_window;
  return policies;
}

// "run 12:00", "misfire 3 09:00-11:00", the runs first.
Texts decide(const std::string& expression, const Policies& policies, const DueSlots& due) {
  const auto verdict = decide(cron(expression), policies, due);
  Texts texts;
  for (const auto run : verdict.runs) texts.push_back("run " + clock(run));
  for (const auto& gap : verdict.gaps)
    texts.push_back(std::string(name_of(gap.reason)) + " " + std::to_string(gap.slots.count) + " " +
                    clock(gap.slots.first) + "-" + clock(gap.slots.last));
  return texts;
}

DueSlots due(const std::string& from, const std::string& now) {
  return {at(from), at(now), {}, {}, {}, ""};
}

DueSlots paused(const std::string& from, const std::string& since, const std::string& until,
                const std::string& now) {
  return {at(from), at(now), {{at(since), at(until)}}, {}, {}, ""};
}

}  // namespace

TEST_SUITE("schedule::misfire") {
  TEST_CASE("a slot that is on time runs, whatever the policy") {
    for (const auto misfire : {Misfire::coalesce, Misfire::skip, Misfire::all})
      for (const auto* now : {"12:00:00", "12:00:59", "12:01:30"})
        CHECK(decide("0 * * * *", with(misfire), due("12:00:00", now)) == Texts{"run 12:00"});
  }

  TEST_CASE("coalesce: one run, of the latest slot, stands for all that were missed") {
    CHECK(decide("0 * * * *", with(Misfire::coalesce), due("09:00:00", "12:30:00")) ==
          Texts{"run 12:00", "coalesced 3 09:00-11:00"});
    CHECK(decide("0 * * * *", with(Misfire::coalesce), due("12:00:00", "12:30:00")) ==
          Texts{"run 12:00"});
  }

  TEST_CASE("all: missed slots are caught up, the latest ones, no more and no older than allowed") {
    CHECK(decide("0 * * * *", with(Misfire::all), due("09:00:00", "12:30:00")) ==
          Texts{"run 09:00", "run 10:00", "run 11:00", "run 12:00"});
    CHECK(decide("0 * * * *", with(Misfire::all, 2), due("09:00:00", "12:30:00")) ==
          Texts{"run 11:00", "run 12:00", "misfire 2 09:00-10:00"});
    CHECK(decide("0 * * * *", with(Misfire::all, 10, 2h), due("09:00:00", "12:30:00")) ==
          Texts{"run 11:00", "run 12:00", "misfire 2 09:00-10:00"});
    CHECK(decide("0 * * * *", with(Misfire::all, 10, 10min), due("09:00:00", "12:30:00")) ==
          Texts{"misfire 4 09:00-12:00"});
  }

  TEST_CASE("skip: what was missed does not run, the current slot only when it is on time") {
    CHECK(decide("0 * * * *", with(Misfire::skip), due("09:00:00", "12:01:00")) ==
          Texts{"run 12:00", "misfire 3 09:00-11:00"});
    CHECK(decide("0 * * * *", with(Misfire::skip), due("09:00:00", "12:30:00")) ==
          Texts{"misfire 4 09:00-12:00"});
    // A wait for dependencies makes no slot late that was on time when it began.
    auto waited = due("11:00:00", "12:30:00");
    waited.waiting_since = at("12:00:10");
    CHECK(decide("0 * * * *", with(Misfire::skip), waited) ==
          Texts{"run 12:00", "misfire 1 11:00-11:00"});
  }

  TEST_CASE("what fell into a pause is one gap of its own, and never caught up") {
    const auto due_slots = paused("08:00:00", "09:30:00", "11:30:00", "12:00:30");
    CHECK(decide("0 * * * *", with(Misfire::coalesce), due_slots) ==
          Texts{"run 12:00", "coalesced 2 08:00-09:00", "paused 2 10:00-11:00"});
    CHECK(decide("0 * * * *", with(Misfire::all), due_slots) ==
          Texts{"run 08:00", "run 09:00", "run 12:00", "paused 2 10:00-11:00"});
    CHECK(decide("0 * * * *", with(Misfire::skip), due_slots) ==
          Texts{"run 12:00", "misfire 2 08:00-09:00", "paused 2 10:00-11:00"});
    // The beginning of a pause belongs to it, its end does not.
    CHECK(decide("0 * * * *", with(Misfire::coalesce),
                 paused("10:00:00", "10:00:00", "11:00:00", "11:00:01")) ==
          Texts{"run 11:00", "paused 1 10:00-10:00"});
    // Missed before, nothing after.
    CHECK(decide("0 * * * *", with(Misfire::coalesce),
                 paused("08:00:00", "09:30:00", "11:30:00", "11:40:00")) ==
          Texts{"run 09:00", "coalesced 1 08:00-08:00", "paused 2 10:00-11:00"});
  }

  TEST_CASE("an obstacle turns what would run into a gap that says so") {
    auto overlapped = due("10:00:00", "12:00:30");
    overlapped.obstacle = Reason::overlap;
    CHECK(decide("0 * * * *", with(Misfire::all), overlapped) == Texts{"overlap 3 10:00-12:00"});
    auto pause_too = paused("10:00:00", "10:30:00", "11:30:00", "12:00:30");
    pause_too.obstacle = Reason::dependency;
    CHECK(decide("0 * * * *", with(Misfire::coalesce), pause_too) ==
          Texts{"dependency 1 10:00-10:00", "paused 1 11:00-11:00", "dependency 1 12:00-12:00"});
  }

  TEST_CASE("a clock that was a year ahead costs a cap of runs and one gap, at once") {
    DueSlots year{
        parse_time("2026-01-01T00:00:00Z"), parse_time("2027-01-01T00:00:00Z"), {}, {}, {}, ""};
    const auto began = std::chrono::steady_clock::now();

    const auto caught_up = decide(cron("* * * * *", "Europe/Berlin"), with(Misfire::all), year);
    const auto coalesced =
        decide(cron("* * * * * *", "Europe/Berlin"), with(Misfire::coalesce), year);

    CHECK(caught_up.runs.size() == 10);
    REQUIRE(caught_up.gaps.size() == 1);
    CHECK(caught_up.gaps[0].slots.count == 365 * 1440 + 1 - 10);
    CHECK(coalesced.runs.size() == 1);
    CHECK(coalesced.gaps.at(0).slots.count == 365 * 86400);
    CHECK(coalesced.last == year.now);
    CHECK(std::chrono::steady_clock::now() - began < 1s);
  }

  TEST_CASE("nothing due is nothing done") {
    const auto verdict = decide(cron("0 * * * *"), Policies(), due("12:00:01", "12:30:00"));

    CHECK(verdict.runs.empty());
    CHECK(verdict.gaps.empty());
    CHECK_FALSE(verdict.last.has_value());
  }

  TEST_CASE("a gap says in one sentence what became of which slots") {
    const Span one{at("02:00:00"), at("02:00:00"), 1};
    const Span many{at("02:00:00"), at("04:00:00"), 3};
    CHECK(describe({one, Reason::overlap, {}, ""}) ==
          "1 slot, 2026-03-10T02:00:00Z: an earlier run was not over");
    CHECK(describe({many, Reason::coalesced, at("05:00:00"), ""}) ==
          "3 slots from 2026-03-10T02:00:00Z to 2026-03-10T04:00:00Z: missed; the run of slot "
          "2026-03-10T05:00:00Z stands for them");
    CHECK(describe({one, Reason::dependency, {}, "dependency backup is not over"}) ==
          "1 slot, 2026-03-10T02:00:00Z: dependency backup is not over");
  }
}

}  // namespace schedctl::schedule
