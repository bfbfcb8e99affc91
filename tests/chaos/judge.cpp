#include "chaos/judge.h"

#include <algorithm>
#include <optional>

namespace schedctl::chaos {
namespace {

using Kind = Record::Kind;

// An attempt, as its witness told it.
struct Run {
  Record start;
  std::optional<int> exit_code;   // when it came to its end
  std::set<ProcessId> processes;  // not yet found dead
  bool open() const { return !processes.empty(); }
};

bool leaves_the_queue(const ExecutionRow& row) {
  return row.status == "completed" || row.status == "skipped";
}

// What a handler must have ended with to be recorded so; other outcomes need no end.
std::optional<int> exit_code_for(const std::string& status) {
  if (status == "completed") return 0;
  if (status == "skipped") return 99;
  if (status == "snoozed") return 75;
  return std::nullopt;
}

std::string attempt_name(ExecutionId execution) { return "execution " + std::to_string(execution); }

class Trial {
 public:
  explicit Trial(const History& history) : history_(history) {}

  std::vector<Violation> operator()() {
    for (const auto& row : history_.queue) queue_.emplace(row.job, &row);
    for (const auto& record : history_.journal) hear(record);
    look_for_survivors();
    for (const auto& row : history_.executions) look_at(row);
    for (const auto& [execution, run] : runs_) look_for_row(run);
    look_at_keys();
    look_at_jobs();
    look_at_effects();
    return std::move(found_);
  }

 private:
  void hear(const Record& record);
  void hear_start(const Record& record);
  void hear_child(const Record& record);
  void hear_end(const Record& record);
  void compare_with_others(const Record& record);
  void look_for_survivors();
  void look_at(const ExecutionRow& row);
  void look_for_row(const Run& run);
  void look_at_keys();
  void look_at_jobs();
  void look_at_job(JobId job);
  void look_at_completion(const ExecutionRow& accepted);
  void look_at_dead(const QueueRow& row);
  void count_attempts(JobId job);
  void look_at_effects();

  Run* find(ExecutionId execution) {
    const auto found = runs_.find(execution);
    return found == runs_.end() ? nullptr : &found->second;
  }
  void blame(const char* invariant, JobId job, std::string what) {
    found_.push_back({invariant, job, std::move(what)});
  }

  const History& history_;
  std::map<ExecutionId, Run> runs_;
  std::set<ExecutionId> open_;
  std::map<JobId, const QueueRow*> queue_;
  std::map<ExecutionId, const ExecutionRow*> rows_;
  std::map<JobId, std::vector<const ExecutionRow*>> attempts_;
  std::vector<Violation> found_;
};

void Trial::hear(const Record& record) {
  if (record.kind == Kind::start) hear_start(record);
  if (record.kind == Kind::child) hear_child(record);
  if (record.kind == Kind::end) hear_end(record);
  if (record.kind != Kind::gone) return;
  // Whoever is killed before it has written its start is on the roster only.
  if (auto* run = find(record.execution)) {
    run->processes.erase(record.process);
    if (!run->open()) open_.erase(record.execution);
  }
}

void Trial::hear_start(const Record& record) {
  if (auto* run = find(record.execution)) {
    blame("I3", record.job, attempt_name(record.execution) + " was started twice");
    run->processes.insert(record.process);
    open_.insert(record.execution);
    return;
  }
  compare_with_others(record);
  runs_[record.execution] = {record, std::nullopt, {record.process}};
  open_.insert(record.execution);
}

void Trial::hear_child(const Record& record) {
  auto* run = find(record.execution);
  if (!run) return blame("I8", record.job, "a child without a start");
  if (!run->open()) compare_with_others(run->start);
  run->processes.insert(record.process);
  open_.insert(record.execution);
}

void Trial::hear_end(const Record& record) {
  auto* run = find(record.execution);
  if (!run) return blame("I8", record.job, "an end without a start");
  if (!run->processes.contains(record.process))
    blame("I3", record.job, attempt_name(record.execution) + " ended after it was found dead");
  run->exit_code = record.exit_code;
}

// Of those that are not gone yet.
void Trial::compare_with_others(const Record& record) {
  int of_type = 0;
  for (const auto execution : open_) {
    const auto& other = runs_.at(execution).start;
    if (execution == record.execution) continue;
    const auto beside = attempt_name(record.execution) + " ran beside " + attempt_name(execution);
    if (other.job == record.job)
      blame("I3", record.job, beside + " of the same job");
    else if (!record.group.empty() && other.group == record.group)
      blame("I3", record.job, beside + " of the same group " + record.group);
    of_type += other.name == record.name;
  }
  const auto limit = history_.bounds.limits.find(record.name);
  if (limit != history_.bounds.limits.end() && of_type >= limit->second)
    blame("I3", record.job,
          attempt_name(record.execution) + " ran beside " + std::to_string(of_type) +
              " others of the type " + record.name + ", whose limit is " +
              std::to_string(limit->second));
}

void Trial::look_for_survivors() {
  for (const auto execution : open_) {
    const auto& run = runs_.at(execution);
    for (const auto& process : run.processes)
      blame("I5", run.start.job,
            "process " + std::to_string(process.pid) + " of " + attempt_name(execution) +
                " is left behind");
  }
}

void Trial::look_at(const ExecutionRow& row) {
  const auto name = attempt_name(row.id) + " (" + row.status + ")";
  if (!rows_.emplace(row.id, &row).second) blame("I8", row.job, name + " has two rows");
  attempts_[row.job].push_back(&row);

  const auto* run = find(row.id);
  if (run && run->start.job != row.job)
    return blame("I8", row.job, name + " is recorded under another job");
  if (run && run->start.attempt != row.attempt)
    blame("I8", row.job, name + " has another number than its handler was told");
  const bool may_not_have_started = row.status == "cancelled" && !run;
  if (!row.has_start && !may_not_have_started) blame("I8", row.job, name + " has no start");
  if (!row.has_end) blame("I8", row.job, name + " has no end");
  if (!row.has_reason && row.status != "completed") blame("I8", row.job, name + " has no reason");
  const auto code = exit_code_for(row.status);
  if (history_.witnessed.contains(row.type) && code && (!run || run->exit_code != code))
    blame("I2", row.job, name + ", but its handler did not end so");
}

void Trial::look_for_row(const Run& run) {
  if (!rows_.contains(run.start.execution))
    blame("I8", run.start.job, attempt_name(run.start.execution) + " is not in the history");
}

void Trial::look_at_keys() {
  std::map<JobId, std::string> key_of;
  std::map<std::string, JobId> job_of;
  for (const auto& [execution, run] : runs_) {
    const auto& [job, key] = std::pair(run.start.job, run.start.key);
    if (key_of.try_emplace(job, key).first->second != key)
      blame("I2", job, "the idempotency key has changed at " + attempt_name(execution));
    else if (job_of.try_emplace(key, job).first->second != job)
      blame("I2", job, "another job has the same idempotency key");
  }
}

void Trial::look_at_jobs() {
  auto jobs = history_.acknowledged;
  for (const auto& [job, rows] : attempts_) jobs.insert(job);
  for (const auto& [job, row] : queue_) jobs.insert(job);
  for (const auto job : jobs) {
    look_at_job(job);
    count_attempts(job);
  }
}

void Trial::look_at_job(JobId job) {
  const auto queued = queue_.find(job);
  const auto& rows = attempts_[job];
  const auto accepted =
      std::ranges::count_if(rows, [](auto* row) { return leaves_the_queue(*row); });
  if (accepted > 1)
    return blame("I2", job, "it was completed " + std::to_string(accepted) + " times");
  for (const auto* row : rows)
    if (leaves_the_queue(*row)) look_at_completion(*row);

  if (queued != queue_.end()) {
    const auto& row = *queued->second;
    if (accepted > 0) return blame("I1", job, "it is done and in the queue, " + row.status);
    return look_at_dead(row);
  }
  if (accepted > 0) return;
  blame("I1", job,
        rows.empty() ? "it was accepted and has left no trace"
                     : "its last attempt has ended as " + rows.back()->status + ", and it is gone");
}

void Trial::look_at_completion(const ExecutionRow& accepted) {
  const auto name = attempt_name(accepted.id);
  for (const auto* row : attempts_[accepted.job])
    if (row->id > accepted.id)
      return blame("I2", accepted.job,
                   name + " was accepted, and " + attempt_name(row->id) + " came after it");
}

void Trial::look_at_dead(const QueueRow& row) {
  if (row.status == "pending" || row.status == "running")
    return blame("I1", row.job, "it is still " + row.status + ", and nobody does it");
  if (!row.has_reason) blame("I11", row.job, "it is " + row.status + " without a reason");
}

void Trial::count_attempts(JobId job) {
  int failed = 0, cut_off = 0;
  for (const auto* row : attempts_[job]) {
    failed += row->status == "failed" || row->status == "timeout";
    cut_off += row->status == "lost" || row->status == "interrupted";
  }
  const auto retries = history_.retries.find(job);
  const int times = 1 + (retries == history_.retries.end() ? 0 : retries->second);
  const auto& bounds = history_.bounds;
  if (failed > bounds.max_attempts * times)
    blame("I11", job, "it has failed " + std::to_string(failed) + " times");
  if (cut_off > (bounds.max_interruptions + 1) * times)
    blame("I11", job, "it was cut off " + std::to_string(cut_off) + " times");
}

void Trial::look_at_effects() {
  std::map<ExecutionId, int> effects;
  for (const auto& effect : history_.effects) {
    const auto row = rows_.find(effect.execution);
    if (row == rows_.end() || row->second->status != "completed")
      blame("I2", effect.job,
            "an effect of " + attempt_name(effect.execution) + ", which was not completed");
    ++effects[effect.execution];
  }
  for (const auto& row : history_.executions)
    if (history_.effective.contains(row.type) && row.status == "completed" && effects[row.id] != 1)
      blame("I2", row.job,
            attempt_name(row.id) + " has had its effect " + std::to_string(effects[row.id]) +
                " times");
}

}  // namespace

std::vector<Violation> judge(const History& history) { return Trial(history)(); }

}  // namespace schedctl::chaos
