#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "support/planning.h"

using namespace schedctl;
using namespace std::chrono_literals;

namespace {

// The best of some plannings of 100 due definitions among so many.
std::chrono::milliseconds planning_time(int definitions) {
  test::Planning here;
  std::string toml;
  for (int i = 0; i < definitions; ++i)
    toml += fmt::format(
        "[job.d{}]\nhandler = \"noop\"\ncron = \"{} 2 * * *\"\ntimezone = \"Europe/Berlin\"\n", i,
        i < 100 ? "0" : "30");
  const Time midnight = parse_time("2026-03-10T00:00:00Z");
  here.declare(toml, midnight);
  auto connection = here.database.connect(db::Session::claiming);
  auto best = std::chrono::steady_clock::duration::max();
  for (int day = 0; day < 7; ++day) {
    here.database.query("delete from job_queue");
    const auto began = std::chrono::steady_clock::now();
    db::Transaction tx(connection);
    const auto planned =
        schedule::plan(tx, here.zones, {.now = midnight + 61min + day * 24h, .leave_out = {}});
    tx.commit();
    best = std::min(best, std::chrono::steady_clock::now() - began);
    CHECK(planned.jobs == std::min(definitions, 100));
    here.database.query(
        "update job_definitions set next_run_at = next_run_at + interval '1 day' where last_slot "
        "is null");
  }
  MESSAGE(fmt::format("{} definitions, {} due: {:.1f} ms", definitions, std::min(definitions, 100),
                      std::chrono::duration<double, std::milli>(best).count()));
  return std::chrono::duration_cast<std::chrono::milliseconds>(best);
}

}  // namespace

TEST_SUITE("schedule::plan [db]") {
  TEST_CASE("a hundred due definitions among ten thousand are planned within 50 ms") {
    planning_time(10);
    planning_time(1000);
    CHECK(planning_time(10000) < 50ms);
  }
}
