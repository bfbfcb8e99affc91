// Histories of runs beside each other: what the journal alone tells.
#include <doctest/doctest.h>

#include <functional>

#include "chaos/judge.h"
#include "chaos/story.h"

using namespace schedctl::chaos;

using Kind = Record::Kind;

TEST_SUITE("chaos::judge") {
  TEST_CASE("runs of different groups may overlap, those of one may follow each other") {
    Story story;
    for (const int execution : {1, 2}) {
      story.acknowledged.insert(execution);
      story.start(execution, execution).group = fmt::format("g{}", execution);
    }
    story.end(1);
    story.gone(1);
    story.acknowledged.insert(3);
    story.start(3, 3).group = "g1";
    for (const int execution : {2, 3}) story.end(execution), story.gone(execution);
    for (const int execution : {1, 2, 3}) story.row(execution, execution, "completed");

    CHECK(broken(story).empty());
  }

  TEST_CASE("a run ends when all of it has been found dead, however late it says so") {
    Story story;
    story.start(1, 1);
    story.gone(1);   // killed before its child could write its name
    story.child(1);  // which is killed a moment later
    story.row(1, 1, "lost");
    story.child_gone(1);
    story.child_gone(1);  // found dead twice: the finder was killed
    story.gone(99);       // was killed before it could write its start
    story.run(2, 1, 2);
    story.row(2, 1, "completed", 2);
    story.acknowledged.insert(1);

    CHECK(broken(story).empty());
  }

  TEST_CASE("runs beside those they must not overlap are found") {
    // Both are done and in the history; the second starts before the first is gone.
    const auto overlap = [](Story& s, JobId first, JobId second, const std::string& group,
                            const std::string& type) {
      for (const int execution : {1, 2}) {
        auto& record =
            s.start(execution, execution == 1 ? first : second, first == second ? execution : 1);
        record.group = group;
        record.name = type;
      }
      s.end(2);
      s.gone(1);
      s.gone(2);
      s.row(1, first, "lost");
      s.row(2, second, "completed", first == second ? 2 : 1);
      if (first != second) s.dead(first, "failed");
    };
    const Forgery forgeries[] = {
        {"two of one job", "I3", [&](Story& s) { overlap(s, 1, 1, "", "plain"); }},
        {"two of one group", "I3", [&](Story& s) { overlap(s, 1, 2, "g", "plain"); }},
        {"of one group, of two types", "I3",
         [&](Story& s) {
           overlap(s, 1, 2, "g", "plain");
           s.journal[1].name = "limited";
         }},
        {"the first has ended, and is not gone", "I3",
         [](Story& s) {
           s.start(1, 1).group = "g";
           s.end(1);
           s.start(2, 2).group = "g";
           s.gone(1);
           s.end(2);
           s.gone(2);
           s.row(1, 1, "completed");
           s.row(2, 2, "completed");
         }},
        {"the first is gone, but not its child", "I3",
         [](Story& s) {
           s.start(1, 1);
           s.child(1);
           s.gone(1);
           s.row(1, 1, "lost");
           s.start(2, 1, 2);
           s.child_gone(1);
           s.end(2);
           s.gone(2);
           s.row(2, 1, "completed", 2);
         }},
        {"a child of the first comes back to life", "I3",
         [](Story& s) {
           s.start(1, 1);
           s.gone(1);
           s.row(1, 1, "lost");
           s.start(2, 1, 2);
           s.child(1);
           s.child_gone(1);
           s.end(2);
           s.gone(2);
           s.row(2, 1, "completed", 2);
         }},
        {"a third of a type that is limited to two", "I3",
         [](Story& s) {
           for (const int execution : {1, 2, 3}) s.start(execution, execution).name = "limited";
           for (const int execution : {1, 2, 3}) {
             s.end(execution);
             s.gone(execution);
             s.row(execution, execution, "completed").type = "limited";
           }
         }},
        {"one claim that is run twice", "I3",
         [](Story& s) {
           s.done(1, 1);
           s.start(1, 1).process = {77, 1};
           s.tell(Kind::gone, 1, 77);
         }},
        {"an end after the end of its process", "I3",
         [](Story& s) {
           s.start(1, 1);
           s.gone(1);
           s.end(1);
           s.row(1, 1, "completed");
         }},
    };
    for (const auto& forgery : forgeries) check_found(forgery);
  }

  TEST_CASE("processes that are left behind are found") {
    const Forgery forgeries[] = {
        {"a handler that never ended", "I5",
         [](Story& s) {
           s.start(1, 1);
           s.row(1, 1, "lost");
           s.dead(1, "failed");
         }},
        {"a child that outlived everything", "I5",
         [](Story& s) {
           s.start(1, 1);
           s.child(1);
           s.end(1);
           s.gone(1);
           s.row(1, 1, "completed");
         }},
    };
    for (const auto& forgery : forgeries) check_found(forgery);
  }
}
