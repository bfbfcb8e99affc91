// The judge before the trial: histories that were forged to break one promise each.
#include "chaos/judge.h"

#include <doctest/doctest.h>

#include <functional>

#include "chaos/story.h"

using namespace schedctl::chaos;

using Kind = Record::Kind;

TEST_SUITE("chaos::judge") {
  TEST_CASE("nothing is wrong with an empty history") { CHECK(broken(Story()).empty()); }

  TEST_CASE("a good history of killed, failed, snoozed, cancelled and dead jobs is not blamed") {
    Story story;
    story.done(1, 1);
    story.done_again(2, 3, 2);
    story.acknowledged.insert({3, 4, 5, 6});
    story.run(4, 3, 1, 1);
    story.row(4, 3, "failed");
    story.run(5, 3, 2, 1);
    story.row(5, 3, "failed", 2);
    story.dead(3, "failed");
    story.run(6, 4, 1, 75);
    story.row(6, 4, "snoozed");
    story.run(7, 4, 1);  // the attempt did not count
    story.row(7, 4, "completed");
    story.row(8, 5, "cancelled").has_start = false;
    story.dead(5, "cancelled");
    story.run(9, 6, 1, 99);
    story.row(9, 6, "skipped");
    story.row(10, 7, "lost").type = "noop";  // of an enqueue whose answer was lost
    story.row(11, 7, "completed", 2).type = "noop";
    story.row(12, 8, "completed").type = "effect";
    story.effects.push_back({8, 12});

    CHECK(broken(story).empty());
  }

  TEST_CASE("a person's retry grants as many attempts again") {
    Story story;
    story.acknowledged.insert(1);
    for (int i = 1; i <= 4; ++i) {
      story.run(i, 1, i, 1);
      story.row(i, 1, "failed", i);
    }
    story.dead(1, "failed");
    CHECK(broken(story) == Found{"I11"});
    story.retries[1] = 1;
    CHECK(broken(story).empty());
  }

  TEST_CASE("lost jobs are found") {
    const Forgery forgeries[] = {
        {"a job without any trace", "I1", [](Story& s) { s.acknowledged.insert(1); }},
        {"a job that failed once and is nowhere now", "I1",
         [](Story& s) {
           s.acknowledged.insert(1);
           s.run(1, 1, 1, 1);
           s.row(1, 1, "failed");
         }},
        {"one that nobody knows was enqueued", "I1",
         [](Story& s) {
           s.run(1, 1, 1, 1);
           s.row(1, 1, "failed");
         }},
        {"a job that still waits", "I1", [](Story& s) { s.dead(1, "pending"); }},
        {"a job that still runs", "I1", [](Story& s) { s.dead(1, "running"); }},
        {"a job that is done and waits all the same", "I1",
         [](Story& s) {
           s.done(1, 1);
           s.dead(1, "failed");
         }},
        {"a dead job without a reason", "I11",
         [](Story& s) {
           s.dead(1, "failed");
           s.queue.back().has_reason = false;
         }},
    };
    for (const auto& forgery : forgeries) check_found(forgery);
  }

  TEST_CASE("completions that do not count are found") {
    const Forgery forgeries[] = {
        {"two completions", "I2",
         [](Story& s) {
           s.done(1, 1);
           s.run(2, 1, 2);
           s.row(2, 1, "completed", 2);
         }},
        {"a run after the completion", "I2",
         [](Story& s) {
           s.done(1, 1);
           s.run(2, 1, 2);
           s.row(2, 1, "lost", 2);
         }},
        {"a stale attempt that was accepted", "I2",
         [](Story& s) {
           s.acknowledged.insert(1);
           s.row(1, 1, "completed").type = "noop";
           s.row(2, 1, "lost", 2).type = "noop";
         }},
        {"a completion whose handler never came to its end", "I2",
         [](Story& s) {
           s.acknowledged.insert(1);
           s.start(1, 1);
           s.gone(1);
           s.row(1, 1, "completed");
         }},
        {"a completion whose handler failed", "I2",
         [](Story& s) {
           s.acknowledged.insert(1);
           s.run(1, 1, 1, 1);
           s.row(1, 1, "completed");
         }},
        {"a completion that never ran", "I2",
         [](Story& s) {
           s.acknowledged.insert(1);
           s.row(1, 1, "completed");
         }},
        {"another idempotency key at the second attempt", "I2",
         [](Story& s) {
           s.done_again(1, 2, 1);
           for (auto& record : s.journal)
             if (record.kind == Kind::start && record.execution == 2) record.key = "other";
         }},
        {"one idempotency key for two jobs", "I2",
         [](Story& s) {
           s.done(1, 1);
           s.done(2, 2);
           for (auto& record : s.journal)
             if (record.kind == Kind::start) record.key = "same";
         }},
    };
    for (const auto& forgery : forgeries) check_found(forgery);
  }

  TEST_CASE("effects that do not belong to one completion are found") {
    const Forgery forgeries[] = {
        {"a completion without its effect", "I2",
         [](Story& s) { s.row(1, 1, "completed").type = "effect"; }},
        {"a completion with two effects", "I2",
         [](Story& s) {
           s.row(1, 1, "completed").type = "effect";
           s.effects = {{1, 1}, {1, 1}};
         }},
        {"the effect of an attempt that was lost", "I2",
         [](Story& s) {
           s.row(1, 1, "lost").type = "effect";
           s.row(2, 1, "completed", 2).type = "effect";
           s.effects = {{1, 1}, {1, 2}};
         }},
    };
    for (const auto& forgery : forgeries) check_found(forgery);
  }

  TEST_CASE("attempts that the history does not tell, or not in full, are found") {
    const auto lost_then_done = [](Story& s, const std::function<void(ExecutionRow&)>& spoil) {
      s.done_again(1, 2, 1);
      spoil(s.executions[0]);
    };
    const Forgery forgeries[] = {
        {"an attempt without its row", "I8",
         [](Story& s) {
           s.done_again(1, 2, 1);
           s.executions.erase(s.executions.begin());
         }},
        {"a row under another job", "I8",
         [&](Story& s) {
           lost_then_done(s, [](ExecutionRow& row) { row.job = 2; });
           s.done(3, 2);
         }},
        {"a row with another number", "I8",
         [&](Story& s) { lost_then_done(s, [](ExecutionRow& row) { row.attempt = 7; }); }},
        {"a row without a start", "I8",
         [&](Story& s) { lost_then_done(s, [](ExecutionRow& row) { row.has_start = false; }); }},
        {"a row without an end", "I8",
         [&](Story& s) { lost_then_done(s, [](ExecutionRow& row) { row.has_end = false; }); }},
        {"a row without a reason", "I8",
         [&](Story& s) { lost_then_done(s, [](ExecutionRow& row) { row.has_reason = false; }); }},
        {"two rows for one attempt", "I8",
         [](Story& s) {
           s.done_again(1, 2, 1);
           s.row(1, 1, "lost");
         }},
        {"an end without a start", "I8", [](Story& s) { s.end(1); }},
        {"a child without a start", "I8",
         [](Story& s) {
           s.child(1);
           s.child_gone(1);
         }},
    };
    for (const auto& forgery : forgeries) check_found(forgery);
  }

  TEST_CASE("attempts without end are found") {
    const Forgery forgeries[] = {
        {"a job that failed once too often", "I11",
         [](Story& s) {
           for (int i = 1; i <= 3; ++i) s.row(i, 1, i == 2 ? "timeout" : "failed", i);
           s.dead(1, "failed");
         }},
        {"a job that cost too many runs their lives", "I11",
         [](Story& s) {
           for (int i = 1; i <= 3; ++i) s.row(i, 1, i == 2 ? "interrupted" : "lost", i);
           s.dead(1, "failed");
         }},
    };
    for (const auto& forgery : forgeries) check_found(forgery);
  }

  TEST_CASE("a violation names the job and what was found") {
    Story story;
    story.acknowledged.insert(42);
    const auto found = judge(story);

    REQUIRE(found.size() == 1);
    CHECK(found[0].job == 42);
    CHECK(found[0].what == "it was accepted and has left no trace");
  }
}
