// Minutes of torment, then a judgment. `scripts/chaos --minutes M` does it for longer.
#include "chaos/torment.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>

#include "chaos/leaks.h"
#include "support/setting.h"

using namespace schedctl;
using namespace schedctl::chaos;

namespace {

constexpr std::size_t most_shown = 30;

void blame(std::vector<Violation>& violations, const std::string& what) {
  violations.push_back({"I5", 0, "left behind: " + what});
}

// One more run of each host has nothing to do, but may find dead ones.
void look_once_more(const Arena& arena, std::vector<Violation>& violations) {
  for (int host = 0; host < hosts; ++host) {
    const auto end = arena.start(host, {"process"}).wait();
    if (end.exit_code != 0)
      violations.push_back(
          {"I7", 0,
           fmt::format("the last run of host-{} ended with {}: {}", host, end.exit_code, end.err)});
  }
}

std::string counts_of(const std::map<std::string, int>& counts) {
  std::string text;
  for (const auto& [what, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, count);
  return text;
}

std::string spread_text(const std::vector<Milliseconds>& times) {
  const auto spread = spread_of(times);
  return fmt::format("{} times; median {:.0f} ms, p95 {:.0f} ms, worst {:.0f} ms", spread.count,
                     spread.median.count(), spread.p95.count(), spread.worst.count());
}

void print_summary(const History& history, const Toll& toll, std::size_t lost, std::size_t leaks) {
  std::map<std::string, int> attempts, dead;
  int completed = 0;
  for (const auto& row : history.executions) {
    ++attempts[row.status];
    completed += row.status == "completed" || row.status == "skipped";
  }
  for (const auto& row : history.queue) ++dead[row.status];
  fmt::print("done to it: {}\n", counts_of(toll.acts));
  fmt::print("jobs: {} acknowledged; {} done; dead: {}; lost: {}\n", history.acknowledged.size(),
             completed, counts_of(dead), lost);
  fmt::print("attempts: {}; {}\n", history.executions.size(), counts_of(attempts));
  fmt::print("from the kill of a run to the next start of its job: {}\n",
             spread_text(recovery_times(history.journal)));
  fmt::print("from the kill of a run to the end of its handlers: {}\n",
             spread_text(toll.tree_deaths));
  fmt::print("left behind: {}; the rest was done in {:.1f} s\n", leaks,
             toll.calmed_in.count() / 1000);
}

void report(const std::vector<Violation>& violations, const Arena& arena, std::uint64_t seed) {
  if (violations.empty()) return;
  for (std::size_t i = 0; i < std::min(violations.size(), most_shown); ++i) {
    const auto& one = violations[i];
    FAIL_CHECK(fmt::format("{} {}{}", one.invariant,
                           one.job ? fmt::format("job {}: ", one.job) : "", one.what));
  }
  FAIL_CHECK(fmt::format("seed {}: {} violations; journal and logs are kept in {}", seed,
                         violations.size(), arena.keep(seed)));
}

}  // namespace

TEST_SUITE("chaos::torment [db]") {
  TEST_CASE(
      "no job is lost, done twice or run beside its group, whatever is killed, frozen or cut") {
    const auto seed = test::setting("SCHEDCTL_CHAOS_SEED", std::random_device{}());
    const std::chrono::seconds duration(test::setting("SCHEDCTL_CHAOS_SECONDS", 120));
    fmt::print("chaos: seed {}, {} s, {} hosts\n", seed, duration.count(), hosts);
    std::fflush(stdout);
    Arena arena;
    Torment torment(arena, seed);

    torment.rage(duration);
    torment.calm();

    auto violations = torment.toll().violations;
    look_once_more(arena, violations);
    const auto leaks = find_leaks(arena);
    for (const auto& leak : leaks) blame(violations, leak);
    auto history = arena.history();
    history.acknowledged = torment.acknowledged();
    const auto found = judge(history);
    violations.insert(violations.end(), found.begin(), found.end());
    const auto lost =
        std::ranges::count_if(found, [](const auto& one) { return one.invariant == "I1"; });
    print_summary(history, torment.toll(), static_cast<std::size_t>(lost), leaks.size());
    CHECK(torment.toll().tree_deaths.size() > 0);
    report(violations, arena, seed);
  }
}
