#include "queue/settle.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/retry_text.h"
#include "sql/queue.h"
#include "util/log.h"

namespace schedctl::queue {
namespace {

using job::Result;

bool out_of_attempts(const Settled& settled) {
  const int allowed = settled.claim.max_attempts.value_or(settled.claim.attempts_base +
                                                          settled.retry.max_retries + 1);
  return settled.claim.attempt - settled.claim.interruptions >= allowed;
}

// Failed and timed-out attempts: again after the backoff, or dead.
Verdict after_failure(const Settled& settled, const char* status) {
  Verdict verdict{.execution_status = status, .job_status = status};
  if (out_of_attempts(settled)) return verdict;
  const auto& claim = settled.claim;
  const int failures = std::max(1, claim.attempt - claim.interruptions - claim.attempts_base);
  auto wait = job::delay(settled.retry.backoff, failures,
                         static_cast<std::uint64_t>(settled.claim.execution_id));
  if (settled.outcome.retry_after) wait = std::max(wait, *settled.outcome.retry_after);
  verdict.job_status = "pending";
  verdict.next_at = settled.finished_at + wait;
  return verdict;
}

Verdict after_interruption(const Settled& settled) {
  const bool dead = settled.claim.interruptions + 1 > settled.retry.max_interruptions;
  return {.execution_status = "interrupted",
          .job_status = dead ? "failed" : "pending",
          .interrupted = 1};
}

Verdict after_snooze(const Settled& settled) {
  const auto wait = settled.outcome.retry_after.value_or(std::chrono::minutes(1));
  return {.execution_status = "snoozed",
          .job_status = "pending",
          .next_at = settled.finished_at + wait,
          .uncounted = 1,
          .snoozed = 1};
}

std::vector<std::string> tokens_of(const std::vector<const job::Claim*>& claims) {
  std::vector<std::string> tokens;
  for (const auto* claim : claims)
    if (tokens.empty() || tokens.back() != claim->token) tokens.push_back(claim->token);
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

// The arrays that name the claims in every statement under the fence.
struct Fence {
  std::vector<job::JobId> ids;
  std::vector<job::ExecutionId> executions;
  std::vector<std::string> tokens;

  explicit Fence(const std::vector<const job::Claim*>& claims) : tokens(tokens_of(claims)) {
    for (const auto* claim : claims) {
      ids.push_back(claim->id);
      executions.push_back(claim->execution_id);
    }
  }
};

Fence fence_of(const std::vector<Settled>& batch) {
  std::vector<const job::Claim*> claims;
  for (const auto& settled : batch) claims.push_back(&settled.claim);
  return Fence(claims);
}

template <typename Field>
auto column(const std::vector<Settled>& batch, Field field) {
  std::vector<decltype(field(batch[0]))> values;
  values.reserve(batch.size());
  for (const auto& settled : batch) values.push_back(field(settled));
  return values;
}

std::vector<job::ExecutionId> ids_of(const db::Result& rows) {
  std::vector<job::ExecutionId> ids;
  ids.reserve(rows.size());
  for (const auto& row : rows) ids.push_back(row[0].as<job::ExecutionId>());
  return ids;
}

std::optional<std::string> text_or_null(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// Spares the quotes that "(1,2)" would need one by one.
std::string places_of(const std::vector<Settled>& batch) {
  std::string places = "{";
  for (const auto& settled : batch) places += '"' + settled.claim.place + "\",";
  places.back() = '}';
  return places;
}

// A double is exact to the microsecond until the year 2242.
std::string epoch(Time time) {
  const auto us = time.time_since_epoch().count();
  return fmt::format("{}.{:06}", us / 1'000'000, us % 1'000'000);
}

struct Times {
  std::vector<std::string> started, finished;
  std::vector<std::int64_t> duration_ms;

  explicit Times(const std::vector<Settled>& batch) {
    for (const auto& settled : batch) {
      started.push_back(epoch(*settled.started_at));
      finished.push_back(epoch(settled.finished_at));
      duration_ms.push_back(
          std::chrono::round<Duration>(settled.finished_at - *settled.started_at).count());
    }
  }
};

// Definitions may want other delays than the handlers of their jobs; asked for only when a job
// fails that will be tried again.
std::vector<Verdict> judge_all(db::Transaction& tx, const std::vector<Settled>& batch) {
  std::vector<Verdict> verdicts;
  std::map<job::JobId, std::size_t> retried;
  for (const auto& settled : batch) {
    const auto result = settled.outcome.result;
    verdicts.push_back(judge(settled));
    if ((result == Result::failed || result == Result::timeout) && verdicts.back().next_at)
      retried[settled.claim.id] = verdicts.size() - 1;
  }
  if (retried.empty()) return verdicts;
  std::vector<job::JobId> jobs;
  for (const auto& [job, index] : retried) jobs.push_back(job);
  for (const auto& row : tx.exec(sql::queue::retry_overrides, jobs)) try {
      const auto index = retried.at(row["id"].as<job::JobId>());
      auto settled = batch[index];
      settled.retry.backoff = config::with_overrides(std::move(settled.retry.backoff),
                                                     config::read_retry_text(row["retry"].c_str()));
      verdicts[index] = judge(settled);
    } catch (const DataError& e) {
      log::warn("a job is retried as its handler says",
                {{"job", row["id"].c_str()}, {"error", e.what()}});
    }
  return verdicts;
}

}  // namespace

Verdict judge(const Settled& settled) {
  switch (settled.outcome.result) {
    case Result::completed:
      return {.execution_status = "completed"};
    case Result::skipped:
      return {.execution_status = "skipped"};
    case Result::failed:
      return after_failure(settled, "failed");
    case Result::timeout:
      return after_failure(settled, "timeout");
    case Result::rejected:
      return {.execution_status = "failed", .job_status = "failed"};
    case Result::cancelled:
      return {.execution_status = "cancelled", .job_status = "cancelled"};
    case Result::snoozed:
      return after_snooze(settled);
    case Result::interrupted:
      return after_interruption(settled);
    case Result::given_back:
      break;
  }
  throw Error(ExitCode::internal, "a job that was given back has no outcome");
}

std::vector<job::ExecutionId> settle(db::Transaction& tx, const std::vector<Settled>& batch,
                                     const std::string& worker) {
  const auto fence = fence_of(batch);
  const auto verdicts = judge_all(tx, batch);
  const auto verdict_column = [&](auto field) {
    std::vector<std::decay_t<decltype(verdicts[0].*field)>> values;
    for (const auto& verdict : verdicts) values.push_back(verdict.*field);
    return values;
  };
  const auto outcome_column = [&](auto field) {
    return column(batch, [field](const Settled& s) { return s.outcome.*field; });
  };
  return ids_of(
      tx.exec(sql::queue::settle, fence.ids, fence.executions, fence.tokens, worker,
              column(batch, [](const Settled& s) { return s.started_at; }),
              column(batch, [](const Settled& s) { return s.finished_at; }),
              verdict_column(&Verdict::execution_status), verdict_column(&Verdict::job_status),
              verdict_column(&Verdict::next_at), verdict_column(&Verdict::uncounted),
              verdict_column(&Verdict::interrupted), verdict_column(&Verdict::snoozed),
              column(batch, [](const Settled& s) { return text_or_null(s.outcome.error_class); }),
              column(batch, [](const Settled& s) { return text_or_null(s.outcome.error_message); }),
              outcome_column(&job::Outcome::exit_code), outcome_column(&job::Outcome::signal),
              outcome_column(&job::Outcome::cpu_ms), outcome_column(&job::Outcome::peak_rss_bytes),
              outcome_column(&job::Outcome::json), max_snoozes));
}

std::vector<job::ExecutionId> complete(db::Transaction& tx, const std::vector<Settled>& batch,
                                       const std::string& worker) {
  const auto fence = fence_of(batch);
  const Times times(batch);
  auto stored =
      ids_of(tx.exec(sql::queue::complete, places_of(batch), fence.ids, fence.executions,
                     fence.tokens, worker, times.started, times.finished, times.duration_ms));
  if (stored.size() == batch.size()) return stored;

  const std::set<job::ExecutionId> found(stored.begin(), stored.end());
  std::vector<Settled> moved;
  for (const auto& settled : batch)
    if (!found.contains(settled.claim.execution_id)) moved.push_back(settled);
  for (const auto id : settle(tx, moved, worker)) stored.push_back(id);
  return stored;
}

void finish(db::Transaction& tx, const std::vector<Settled>& batch, const std::string& worker) {
  if (!std::all_of(batch.begin(), batch.end(), is_plain_success))
    throw Error(ExitCode::internal, "a job that is held can only be completed");
  const Times times(batch);
  const auto fence = fence_of(batch);
  tx.exec(sql::queue::plan_finish);
  const auto stored = tx.exec(sql::queue::finish, places_of(batch), fence.ids, fence.executions,
                              worker, times.started, times.finished, times.duration_ms);
  if (stored.affected_rows() != batch.size())
    throw Error(ExitCode::internal, "a job was finished that is not held");
}

bool is_plain_success(const Settled& settled) {
  const auto& outcome = settled.outcome;
  return outcome.result == Result::completed && settled.started_at && outcome.error_class.empty() &&
         outcome.error_message.empty() && !outcome.json && !outcome.exit_code && !outcome.signal &&
         !outcome.cpu_ms;
}

void give_back(db::Transaction& tx, job::WorkerId worker, const std::vector<job::Claim>& claims) {
  std::vector<const job::Claim*> pointers;
  for (const auto& claim : claims) pointers.push_back(&claim);
  const Fence fence(pointers);
  tx.exec(sql::queue::give_back, worker, fence.tokens, fence.executions);
}

void give_back(db::Transaction& tx, job::WorkerId worker, const std::string& token) {
  tx.exec(sql::queue::give_back, worker, std::vector{token}, nullptr);
}

std::vector<job::ExecutionId> recorded(db::Transaction& tx,
                                       const std::vector<job::ExecutionId>& executions,
                                       const std::string& worker) {
  return ids_of(tx.exec(sql::queue::recorded, executions, worker));
}

}  // namespace schedctl::queue
