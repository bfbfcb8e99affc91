#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>

#include "fuzz/mutator.h"
#include "schedule/schedules.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;

#ifdef __SANITIZE_ADDRESS__
constexpr double limit_ms = 200;
#else
constexpr double limit_ms = 10;
#endif
constexpr Time now{std::chrono::sys_days(std::chrono::year(2026) / 3 / 28)};

const std::vector<std::string> seeds = {
    "0 2 * * *",    "*/15 8-17 * * mon-fri", "0 0 L * friL",         "0 0 * * mon#2",  "@daily",
    "0 0 29 2 */7", "30 5/10 */2 jan-DEC 7", "1,2,3-5 0 1-31/3 * *", "* * * * * *",    "@reboot",
    "59 23 30 2 *", "0 0 31 2,4 *",          "7 1-5,9,L * * *",      "0 0 1-7 * 1-7/2"};

const std::vector<std::string> fields = {"*",  "0",    "*/2",         "1-5",   "5/3",    "1,3-4",
                                         "7",  "2,3",  "friL",        "mon#2", "L",      "31",
                                         "53", "2030", "2026-2040/7", "jan",   "sat-sun"};

// Each field that of another expression.
std::string mix(test::Mutator& mutator) {
  constexpr std::size_t of_the_clock = 6, of_dates = 12;
  std::string text;
  for (int i = 0; i < 5; ++i)
    text += std::string(i == 0 ? "" : " ") + fields[mutator.below(i < 2 ? of_the_clock : of_dates)];
  return text;
}

// Half of them are almost right, so that many are read to the end.
std::string next_text(test::Mutator& mutator) {
  if (mutator.below(2) != 0) return mutator.damaged(4);
  auto text = mix(mutator);
  if (mutator.below(2) != 0) mutator.edit(text);
  return text;
}

CronTable next_table(test::Mutator& mutator) {
  static const std::vector<std::string> names = {"year", "month",  "day",    "week", "day_of_week",
                                                 "hour", "minute", "second", "houre"};
  CronTable table;
  for (auto count = mutator.below(5); count > 0; --count) {
    auto value = mutator.pick(fields);
    if (mutator.below(4) == 0) mutator.edit(value);
    table.emplace_back(names[mutator.below(names.size() - (mutator.below(9) == 0 ? 0 : 1))], value);
  }
  return table;
}

double cpu_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

struct Tally {
  std::uint64_t accepted = 0, refused = 0, bad_messages = 0, no_slots = 0;
  double slowest_ms = 0;
  std::string slowest, finding;
};

bool is_good_message(std::string_view why) {
  return test::is_one_short_line(why, 400) && why.starts_with("cron") && why.find(": ") != why.npos;
}

// Its next slot is the first one, and is found again from the instant before it; a schedule of
// years that are over has none.
bool has_next_slot(const Cron& cron, const Zone& zone) {
  const Schedule schedule{cron, zone, {}, {}};
  const auto first = next_slot(schedule, now);
  if (!first) return !cron.years.empty() && next_slot(schedule, slots_begin - 1us).has_value();
  return first->utc > now && next_slot(schedule, first->utc - 1us)->utc == first->utc;
}

template <typename Parse>
void feed(const std::string& text, const Parse& parse, const Zone& zone, Tally& tally) {
  try {
    const Cron cron = parse();
    ++tally.accepted;
    if (has_next_slot(cron, zone)) return;
    ++tally.no_slots;
    tally.finding = text;
  } catch (const DataError& error) {
    ++tally.refused;
    if (is_good_message(error.what()) || is_reboot(text)) return;
    ++tally.bad_messages;
    tally.finding = text;
  }
}

// The shortest of three, once it is slow: what takes long once may be the machine's or a
// sanitizer's doing, what does so each time is ours.
template <typename Parse>
void feed_timed(const std::string& text, const Parse& parse, const Zone& zone, Tally& tally) {
  double shortest = limit_ms;
  for (int attempt = 0; attempt < 3 && shortest >= limit_ms; ++attempt) {
    Tally again;
    const double begin = cpu_milliseconds();
    feed(text, parse, zone, attempt == 0 ? tally : again);
    const double took = cpu_milliseconds() - begin;
    shortest = attempt == 0 ? took : std::min(shortest, took);
  }
  if (shortest <= tally.slowest_ms) return;
  tally.slowest_ms = shortest;
  tally.slowest = text;
}

void check(const Tally& tally, std::uint64_t inputs) {
  CAPTURE(tally.slowest);
  CAPTURE(tally.finding);
  CHECK(tally.slowest_ms < limit_ms);
  CHECK(tally.bad_messages == 0);
  CHECK(tally.no_slots == 0);
  // Else it would be the mutations that are worthless.
  CHECK(tally.accepted > inputs / 10);
  CHECK(tally.refused > inputs / 10);
  MESSAGE(inputs << " inputs: " << tally.accepted << " accepted, " << tally.refused
                 << " refused, the slowest in " << tally.slowest_ms << " ms");
}

}  // namespace

TEST_SUITE("fuzz::cron") {
  TEST_CASE("damaged expressions are read or refused in one short line and none slowly") {
    const Zone zone = Zones().find("Europe/Berlin");
    test::Mutator mutator(seeds, "0123456789*/-,#LlW?@ \tjanmonsufri");
    const auto inputs = test::fuzz_inputs(200'000);
    Tally tally;
    for (std::uint64_t i = 0; i < inputs; ++i) {
      const auto text = next_text(mutator);
      feed_timed(
          text, [&] { return parse_cron(text); }, zone, tally);
    }
    check(tally, inputs);
  }

  TEST_CASE("damaged tables are read or refused in one short line and none slowly") {
    const Zone zone = Zones().find("Europe/Berlin");
    test::Mutator mutator(fields, "0123456789*/-,#LlW?@ \tjanmonsufri");
    const auto inputs = test::fuzz_inputs(100'000);
    Tally tally;
    for (std::uint64_t i = 0; i < inputs; ++i) {
      const auto table = next_table(mutator);
      std::string text;
      for (const auto& [name, value] : table) text += name + "=" + value + " ";
      feed_timed(
          text, [&] { return parse_cron_table(table); }, zone, tally);
    }
    check(tally, inputs);
  }
}

}  // namespace schedctl::schedule
