#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "schedule/schedules.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;

constexpr double limit_ms = 10;

const std::vector<std::string> seeds = {
    "0 2 * * *",    "*/15 8-17 * * mon-fri", "0 0 L * friL",         "0 0 * * mon#2",  "@daily",
    "0 0 29 2 */7", "30 5/10 */2 jan-DEC 7", "1,2,3-5 0 1-31/3 * *", "* * * * * *",    "@reboot",
    "59 23 30 2 *", "0 0 31 2,4 *",          "7 1-5,9,L * * *",      "0 0 1-7 * 1-7/2"};

class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  std::string next() {
    // Half of them are almost right, so that many are read to the end.
    const bool gentle = below(2) == 0;
    auto text = gentle ? mix() : pick(seeds);
    for (auto edits = gentle ? below(2) : below(4) + 1; edits > 0; --edits) edit(text);
    return text;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  const std::string& pick(const std::vector<std::string>& texts) {
    return texts[below(texts.size())];
  }

  // Each field that of another expression.
  std::string mix() {
    constexpr const char* fields[] = {"*", "0",   "*/2",  "1-5",   "5/3", "1,3-4",
                                      "7", "2,3", "friL", "mon#2", "L",   "31"};
    std::string text;
    for (int i = 0; i < 5; ++i)
      text += std::string(i == 0 ? "" : " ") + fields[below(i < 2 ? 6 : 12)];
    return text;
  }

  char character() {
    constexpr std::string_view usual = "0123456789*/-,#LlW?@ \tjanmonsufri";
    return below(8) == 0 ? static_cast<char>(below(256)) : usual[below(usual.size())];
  }

  void edit(std::string& text) {
    const auto at = below(text.size() + 1);
    const auto length = below(8);
    switch (below(6)) {
      case 0:
        text.insert(at, 1, character());
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.replace(at, 1, 1, character());
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), length));
        break;
      case 4:
        text.insert(at, pick(seeds).substr(0, length));
        break;
      default:
        text.insert(at, below(200) == 0 ? 1500 : length, character());
    }
  }

  std::mt19937 random_;
};

double cpu_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct Tally {
  int accepted = 0, refused = 0, bad_messages = 0, no_slots = 0;
  double slowest_ms = 0;
};

bool is_good_message(std::string_view why) {
  return why.size() < 300 && why.starts_with("cron ") && why.find(": ") != why.npos &&
         std::ranges::none_of(why, [](char c) { return c >= 0 && c < ' ' && c != '\t'; });
}

void feed(const std::string& text, const Zone& zone, Tally& tally) {
  constexpr Time now{std::chrono::sys_days(std::chrono::year(2026) / 3 / 28)};
  try {
    const Schedule schedule{parse_cron(text), zone, {}, {}};
    ++tally.accepted;
    const auto first = next_slot(schedule, now);
    if (!first || first->utc <= now || next_slot(schedule, first->utc - 1us)->utc != first->utc)
      ++tally.no_slots;
  } catch (const DataError& error) {
    ++tally.refused;
    if (!is_good_message(error.what()) && !is_reboot(text)) ++tally.bad_messages;
  }
}

// The shortest of three, once it is slow: what takes long once may be the machine's or a
// sanitizer's doing, what does so each time is ours.
double milliseconds_for(const std::string& text, const Zone& zone, Tally& tally) {
  double shortest = limit_ms;
  for (int attempt = 0; attempt < 3 && shortest >= limit_ms; ++attempt) {
    Tally again;
    const double begin = cpu_milliseconds();
    feed(text, zone, attempt == 0 ? tally : again);
    const double took = cpu_milliseconds() - begin;
    shortest = attempt == 0 ? took : std::min(shortest, took);
  }
  return shortest;
}

}  // namespace

TEST_SUITE("schedule::cron") {
  TEST_CASE("damaged expressions are read or refused in one short line and none slowly") {
    const Zone zone = Zones().find("Europe/Berlin");
    Mutator mutator(1);
    Tally tally;
    std::string slowest;
    for (int i = 0; i < 200'000; ++i) {
      const auto text = mutator.next();
      const double took = milliseconds_for(text, zone, tally);
      if (took > tally.slowest_ms) slowest = text;
      tally.slowest_ms = std::max(tally.slowest_ms, took);
    }

    CAPTURE(slowest);
    CHECK(tally.slowest_ms < limit_ms);
    CHECK(tally.bad_messages == 0);
    CHECK(tally.no_slots == 0);
    // Else it would be the mutations that are worthless.
    CHECK(tally.accepted > 20'000);
    CHECK(tally.refused > 50'000);
  }
}

}  // namespace schedctl::schedule
