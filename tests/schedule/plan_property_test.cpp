// Every slot is accounted for exactly once, whatever happens: it ran, a later run stands for it, or
// it is in a skipped gap.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

#include "schedule/schedules.h"
#include "support/planning.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono_literals;
using test::Planning;

const Time begin = parse_time("2026-03-20T00:00:00Z");  // before a change of Berlin's clocks

class Story {
 public:
  explicit Story(unsigned seed) : random_(seed) {}

  void run() {
    toml_ = invent();
    CAPTURE(toml_);
    here_.declare(toml_, now_);
    for (int step = 0; step < 25; ++step) {
      happen();
      CAPTURE(step);
      check();
    }
  }

 private:
  int dice(int sides) { return static_cast<int>(random_() % static_cast<unsigned>(sides)); }
  std::string pick(const std::vector<std::string>& from) {
    return from[static_cast<std::size_t>(dice(static_cast<int>(from.size())))];
  }

  std::string invent() {
    std::string toml;
    for (int i = 0; i < 4; ++i)
      toml += fmt::format(
          "[job.d{}]\nhandler = \"noop\"\n{}\ntimezone = \"{}\"\nmisfire = \"{}\"\noverlap = "
          "\"{}\"\n"
          "catchup_max = {}\ncatchup_window = \"{}\"\npriority = {}\n{}",
          i,
          pick({"cron = \"*/7 * * * *\"", "cron = \"30 * * * *\"", "cron = \"30 2 * * *\"",
                "cron = \"0 */6 * * *\"", "every = \"17m\"\noffset = \"5m\"", "every = \"90s\""}),
          pick({"UTC", "Europe/Berlin", "Australia/Lord_Howe"}), pick({"coalesce", "skip", "all"}),
          pick({"skip", "queue", "allow", "cancel"}), 1 + dice(5), pick({"10m", "3h", "2d"}),
          dice(101),
          i > 0 && dice(4) == 0 ? "depends_on = [\"d0\"]\ndependency_timeout = \"20m\"\n" : "");
    return toml;
  }

  void happen() {
    now_ += std::chrono::seconds(dice(4) == 0 ? dice(3 * 86400) : dice(1800));
    const auto name = fmt::format("d{}", dice(4));
    switch (dice(10)) {
      case 0:  // the clock goes back, and comes right again
        plan(now_ - std::chrono::seconds(dice(7200)));
        break;
      case 1:
        crash();
        break;
      case 2:
        pause(name);
        break;
      case 3:
        here_.declare(toml_, now_, pick({"a", "b"}));
        break;
      default:
        break;
    }
    if (dice(3) > 0) here_.finish(name, pick({"completed", "failed"}));
    plan(now_);
  }

  void plan(Time now) {
    while (here_.plan(now, 1 + dice(5)).more) {
    }
  }

  void crash() {
    auto connection = here_.database.connect(db::Session::claiming);
    db::Transaction tx(connection);
    schedule::plan(tx, here_.zones, {.now = now_, .eager = true, .leave_out = {}});
  }

  // One that is over when the planner comes by. The functions know no other time than the server's.
  void pause(const std::string& name) {
    const Time since = now_ - std::chrono::seconds(dice(7200));
    const Time until = since + (now_ - since) / (1 + dice(3));
    here_.database.query(
        "update job_definitions set paused_since = $2, paused_until = $3 where name = $1 and "
        "paused_since is null",
        {name, since, until});
  }

  void check() {
    for (int i = 0; i < 4; ++i) check(fmt::format("d{}", i));
  }

  void check(const std::string& name) {
    CAPTURE(name);
    const auto row = here_.database.query(
        "select written, timezone, last_slot, next_run_at, waiting_since from job_definitions "
        "where name = $1",
        {name})[0];
    const auto schedule = read_schedule(read_written(row[0].c_str(), row[1].c_str()), here_.zones);
    const auto last = db::optional_time_of(row[2]);

    std::multiset<Time> seen;
    for (const auto& job :
         here_.database.query("select slot from jobs where slot is not null and definition_id = "
                              "(select id from job_definitions where name = $1) ",
                              {name}))
      seen.insert(db::time_of(job[0]));
    // Dead jobs that were retried, finished or not, are in `jobs` once.
    for (const auto& job :
         here_.database.query("select slot from job_executions e where slot is not null and "
                              "job_queue_id is not null and status = 'failed' "
                              "and not exists (select from job_queue q where q.id = "
                              "e.job_queue_id) and job_definition_id = "
                              "(select id from job_definitions where name = $1)",
                              {name}))
      seen.insert(db::time_of(job[0]));
    for (const auto& gap : here_.database.query(
             "select (metadata ->> 'first')::timestamptz, (metadata ->> 'last')::timestamptz, "
             "metadata ->> 'count' "
             "from job_executions where job_queue_id is null and job_definition_id = "
             "(select id from job_definitions where name = $1)",
             {name})) {
      const auto slots =
          slots_between(schedule, db::time_of(gap[0]), db::time_of(gap[1]) + 1us, 1'000'000);
      CHECK(slots.size() == gap[2].as<std::size_t>());
      for (const auto& slot : slots) seen.insert(slot.utc);
    }

    std::multiset<Time> expected;
    if (last)
      for (const auto& slot : slots_between(schedule, begin + 1us, *last + 1us, 1'000'000))
        expected.insert(slot.utc);
    std::vector<Time> wrong;
    std::ranges::set_symmetric_difference(seen, expected, std::back_inserter(wrong));
    if (!wrong.empty())
      FAIL_CHECK(wrong.size(), " slots are missing or double, the first is ", format_utc(wrong[0]));
    // Nothing is left behind: what comes next comes after now, or waits for a dependency.
    if (row[4].is_null()) CHECK(db::time_of(row[3]) > now_);
    CHECK(db::time_of(row[3]) == next_slot(schedule, last.value_or(begin))->utc);
  }

  std::mt19937 random_;
  Planning here_;
  std::string toml_;
  Time now_ = begin;
};

}  // namespace

TEST_SUITE("schedule::plan [db]") {
  TEST_CASE("every slot is accounted for exactly once, whatever clocks, crashes and pauses do") {
    for (unsigned seed = 1; seed <= 8; ++seed) {
      CAPTURE(seed);
      Story(seed).run();
    }
  }
}

}  // namespace schedctl::schedule
