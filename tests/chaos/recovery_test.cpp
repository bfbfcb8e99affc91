#include "chaos/recovery.h"

#include <doctest/doctest.h>

using namespace schedctl::chaos;

namespace {

using Kind = Record::Kind;

struct Journal : std::vector<Record> {
  Record& add(Kind kind, int at_ms) {
    auto& record = emplace_back();
    record.kind = kind;
    record.at_ns = at_ms * 1'000'000LL;
    return record;
  }
  void start(int at_ms, std::int64_t execution, std::int64_t job, pid_t run) {
    auto& record = add(Kind::start, at_ms);
    record.execution = execution;
    record.job = job;
    record.run = run;
    record.process = {static_cast<pid_t>(execution), 1};
  }
  void is_over(Kind kind, int at_ms, std::int64_t execution) {
    auto& record = add(kind, at_ms);
    record.execution = execution;
    record.process = {static_cast<pid_t>(execution), 1};
  }
  void act(const char* what, int at_ms, pid_t run) {
    auto& record = add(Kind::act, at_ms);
    record.name = what;
    record.run = run;
  }
};

using Times = std::vector<Milliseconds>;
Milliseconds ms(double value) { return Milliseconds(value); }

}  // namespace

TEST_SUITE("chaos::recovery") {
  TEST_CASE("recovery lasts from the kill of a run to the next start of each job it was at") {
    Journal journal;
    journal.start(10, 1, 1, 100);
    journal.start(11, 2, 2, 100);
    journal.start(12, 3, 3, 200);
    journal.act(killed_run, 20, 100);
    journal.is_over(Kind::gone, 21, 1);
    journal.start(50, 4, 2, 200);
    journal.start(70, 5, 1, 200);
    journal.start(90, 6, 3, 100);

    CHECK(recovery_times(journal) == Times{ms(30), ms(50)});
  }

  TEST_CASE("what was over before the kill, and what is only stopped, does not recover") {
    Journal journal;
    journal.start(10, 1, 1, 100);
    journal.start(10, 2, 2, 100);
    journal.start(10, 3, 3, 100);
    journal.is_over(Kind::end, 11, 1);
    journal.is_over(Kind::gone, 12, 2);
    journal.act("SIGTERM", 15, 100);
    journal.is_over(Kind::gone, 16, 3);
    journal.act(killed_run, 20, 100);
    for (const int job : {1, 2, 3}) journal.start(30, 10 + job, job, 200);

    CHECK(recovery_times(journal).empty());
  }

  TEST_CASE("a job that a person cancels or retries does not recover by itself") {
    Journal journal;
    journal.start(10, 1, 1, 100);
    journal.act(killed_run, 20, 100);
    journal.act("retry", 30, 0);
    journal.back().job = 1;
    journal.start(40, 2, 1, 200);

    CHECK(recovery_times(journal).empty());
  }

  TEST_CASE("a job that is killed twice before it starts again has waited since the first time") {
    Journal journal;
    journal.start(10, 1, 1, 100);
    journal.act(killed_run, 20, 100);
    journal.act(killed_run, 30, 100);
    journal.start(60, 2, 1, 200);

    CHECK(recovery_times(journal) == Times{ms(40)});
  }

  TEST_CASE("a spread tells the median, the 95th percentile and the worst") {
    Times times;
    for (int i = 100; i >= 0; --i) times.push_back(ms(i));
    const auto spread = spread_of(times);

    CHECK(spread.count == 101);
    CHECK(spread.median == ms(50));
    CHECK(spread.p95 == ms(95));
    CHECK(spread.worst == ms(100));
    CHECK(spread_of({}).count == 0);
  }
}
