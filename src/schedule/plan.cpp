#include "schedule/plan.h"

#include <algorithm>
#include <set>

#include "schedule/definition.h"
#include "schedule/dependencies.h"
#include "sql/schedule.h"
#include "util/error.h"

namespace schedctl::schedule {
namespace {

constexpr auto look_at_waiting_again = std::chrono::seconds(1);

// A definition that is due.
struct Due {
  std::int64_t id;
  std::string name;
  Schedule schedule;
  Policies policies;
  DueSlots slots;
  bool unfinished;  // an earlier run of it is not over
};

Due read_due(const db::Row& row, Zones& zones, Time now) {
  Due due;
  due.id = row["id"].as<std::int64_t>();
  due.name = row["name"].c_str();
  due.schedule =
      read_schedule(read_written(row["written"].c_str(), row["timezone"].c_str()), zones);
  due.policies = read_policies(row["policies"].c_str());
  due.slots.from = db::time_of(row["next_run_at"]);
  due.slots.now = now;
  if (!row["paused_since"].is_null())
    due.slots.pause = {db::time_of(row["paused_since"]), db::time_of(row["paused_until"])};
  due.slots.waiting_since = db::optional_time_of(row["waiting_since"]);
  due.unfinished = row["unfinished"].as<long>() > 0;
  return due;
}

std::vector<std::string> dependencies_of(const std::vector<Due>& all) {
  std::set<std::string> names;
  for (const auto& due : all)
    names.insert(due.policies.depends_on.begin(), due.policies.depends_on.end());
  return {names.begin(), names.end()};
}

// What plan.sql is told, column by column.
struct Changes {
  std::vector<std::int64_t> ids;
  std::vector<std::optional<Time>> last_slots, next_runs, waiting_since, looks;
  std::vector<bool> pauses_over;

  std::vector<std::int64_t> job_definitions;
  std::vector<Time> job_slots, job_times;

  std::vector<DefinitionGap> gaps;
  std::vector<std::int64_t> cancelled;  // definitions whose unfinished jobs make place
  std::vector<std::int64_t> waiting;
};

void wait(const Due& due, Changes& changes) {
  const Time since = due.slots.waiting_since.value_or(due.slots.now);
  changes.ids.push_back(due.id);
  changes.last_slots.emplace_back();
  changes.next_runs.emplace_back(due.slots.from);
  changes.waiting_since.emplace_back(since);
  changes.looks.emplace_back(std::min<Time>(due.slots.now + look_at_waiting_again,
                                            since + due.policies.dependency_timeout));
  changes.pauses_over.push_back(false);
  changes.waiting.push_back(due.id);
}

void move_on(const Due& due, const Verdict& verdict, Changes& changes) {
  const Time now = due.slots.now;
  const auto next = next_slot(due.schedule, std::max(now, verdict.last.value_or(now)));
  changes.ids.push_back(due.id);
  changes.last_slots.push_back(verdict.last);
  changes.next_runs.push_back(next ? std::optional(next->utc) : std::nullopt);
  changes.waiting_since.emplace_back();
  changes.looks.emplace_back();
  changes.pauses_over.push_back(due.slots.pause.has_value());
  for (const auto slot : verdict.runs) {
    changes.job_definitions.push_back(due.id);
    changes.job_slots.push_back(slot);
    changes.job_times.push_back(slot + delay_of(due.name, due.policies.jitter));
  }
  for (const auto& gap : verdict.gaps) changes.gaps.push_back({due.id, gap});
  const bool cancels = due.policies.overlap == Policies::Overlap::cancel && due.unfinished;
  if (cancels && !verdict.runs.empty()) changes.cancelled.push_back(due.id);
}

// True: the definition waits for its dependencies. Else what keeps its slots from running is noted.
bool must_wait(Due& due, const Dependencies& dependencies) {
  if (due.unfinished && due.policies.overlap == Policies::Overlap::skip) {
    due.slots.obstacle = Reason::overlap;
    return false;
  }
  due.slots.detail = dependencies.obstacle(due.policies.depends_on);
  if (due.slots.detail.empty()) return false;
  const Time since = due.slots.waiting_since.value_or(due.slots.now);
  if (due.slots.now - since < due.policies.dependency_timeout) return true;
  due.slots.obstacle = Reason::dependency;
  return false;
}

void store(db::Transaction& tx, Changes changes, Time now, Planned& planned) {
  if (changes.ids.empty()) return;
  if (!changes.cancelled.empty()) tx.exec(sql::schedule::plan_cancel, changes.cancelled, now);
  std::set<std::int64_t> moved;
  for (const auto& row :
       tx.exec(sql::schedule::plan, changes.ids, changes.last_slots, changes.next_runs,
               changes.waiting_since, changes.looks, changes.pauses_over, changes.job_definitions,
               changes.job_slots, changes.job_times, now)) {
    moved.insert(row["id"].as<std::int64_t>());
    planned.jobs += row["jobs"].as<long>();
  }
  std::erase_if(changes.gaps,
                [&](const DefinitionGap& gap) { return !moved.contains(gap.definition); });
  record_gaps(tx, changes.gaps, now);
  for (const auto& [definition, gap] : changes.gaps) planned.skipped += gap.slots.count;
  planned.waiting = static_cast<long>(changes.waiting.size());
  planned.definitions = static_cast<long>(moved.size()) - planned.waiting;
}

}  // namespace

Planned plan(db::Transaction& tx, Zones& zones, const PlanRequest& request) {
  Planned planned;
  planned.locked = *tx.exec(sql::schedule::plan_lock, request.now)[0]["mine"].c_str() == 't';
  if (!planned.locked) return planned;

  std::vector<Due> all;
  const auto rows = tx.exec(sql::schedule::plan_due, request.now, request.limit, request.eager,
                            request.leave_out);
  for (const auto& row : rows) try {
      all.push_back(read_due(row, zones, request.now));
    } catch (const DataError& e) {
      planned.unusable.push_back({row["id"].as<std::int64_t>(), row["name"].c_str(), e.what()});
    }
  const Dependencies dependencies(tx, dependencies_of(all), request.now);
  Changes changes;
  for (auto& due : all)
    if (must_wait(due, dependencies))
      wait(due, changes);
    else
      move_on(due, decide(due.schedule, due.policies, due.slots), changes);
  store(tx, std::move(changes), request.now, planned);
  planned.more = static_cast<int>(rows.size()) >= request.limit;
  return planned;
}

long mend_clocks(db::Transaction& tx, Time now) {
  tx.exec(sql::schedule::declare_lock);
  return static_cast<long>(tx.exec(sql::schedule::plan_mend, now).size());
}

void record_gaps(db::Transaction& tx, const std::vector<DefinitionGap>& gaps, Time now) {
  if (gaps.empty()) return;
  std::vector<std::int64_t> ids, counts;
  std::vector<Time> first, last;
  std::vector<std::string> reasons, messages;
  std::vector<std::optional<Time>> runs;
  for (const auto& [definition, gap] : gaps) {
    ids.push_back(definition);
    first.push_back(gap.slots.first);
    last.push_back(gap.slots.last);
    counts.push_back(gap.slots.count);
    reasons.emplace_back(name_of(gap.reason));
    messages.push_back(describe(gap));
    runs.push_back(gap.run);
  }
  tx.exec(sql::schedule::skip, ids, first, last, counts, reasons, messages, runs, now);
}

}  // namespace schedctl::schedule
