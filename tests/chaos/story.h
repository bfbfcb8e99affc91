// Story: a history as a test tells it, and forgeries of it that a judge must see through.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "chaos/judge.h"

namespace schedctl::chaos {

// A history, told in the order of the journal. Execution N is run by process N.
struct Story : History {
  using Kind = Record::Kind;

  Story() {
    bounds = {.max_attempts = 2, .max_interruptions = 1, .limits = {{"limited", 2}}};
    witnessed = {"plain", "limited"};
    effective = {"effect"};
  }

  Record& tell(Kind kind, ExecutionId execution, int process) {
    auto& record = journal.emplace_back();
    record.kind = kind;
    record.execution = execution;
    record.process = {process, 1};
    return record;
  }
  Record& start(ExecutionId execution, JobId job, int attempt = 1) {
    auto& record = tell(Kind::start, execution, static_cast<int>(execution));
    record.job = job;
    record.attempt = attempt;
    record.name = "plain";
    record.key = fmt::format("key-{}", job);
    return record;
  }
  void child(ExecutionId execution) { tell(Kind::child, execution, child_of(execution)); }
  Record& end(ExecutionId execution, int exit_code = 0) {
    auto& record = tell(Kind::end, execution, static_cast<int>(execution));
    record.exit_code = exit_code;
    return record;
  }
  void gone(ExecutionId execution) { tell(Kind::gone, execution, static_cast<int>(execution)); }
  void child_gone(ExecutionId execution) { tell(Kind::gone, execution, child_of(execution)); }
  void run(ExecutionId execution, JobId job, int attempt = 1, int exit_code = 0) {
    start(execution, job, attempt);
    end(execution, exit_code);
    gone(execution);
  }

  ExecutionRow& row(ExecutionId id, JobId job, const std::string& status, int attempt = 1) {
    executions.push_back({.id = id,
                          .job = job,
                          .type = "plain",
                          .attempt = attempt,
                          .status = status,
                          .has_start = true,
                          .has_end = true,
                          .has_reason = status != "completed"});
    return executions.back();
  }
  void dead(JobId job, const std::string& status) { queue.push_back({job, status, true}); }

  // A job that was done at its first attempt.
  void done(ExecutionId execution, JobId job) {
    acknowledged.insert(job);
    run(execution, job);
    row(execution, job, "completed");
  }
  // One whose first run was killed, done at its second.
  void done_again(ExecutionId first, ExecutionId second, JobId job) {
    acknowledged.insert(job);
    start(first, job);
    gone(first);
    row(first, job, "lost");
    run(second, job, 2);
    row(second, job, "completed", 2);
  }

 private:
  static int child_of(ExecutionId execution) { return static_cast<int>(1000 + execution); }
};

struct Forgery {
  const char* promise;
  const char* invariant;  // that the judge must find broken, and no other
  std::function<void(Story&)> forge;
};

using Found = std::vector<std::string>;

// The invariants that the judge finds broken.
inline Found broken(const History& history) {
  Found found;
  for (const auto& violation : judge(history)) found.push_back(violation.invariant);
  return found;
}

inline void check_found(const Forgery& forgery) {
  CAPTURE(forgery.promise);
  Story story;
  forgery.forge(story);
  CHECK(broken(story) == Found{forgery.invariant});
}

}  // namespace schedctl::chaos
