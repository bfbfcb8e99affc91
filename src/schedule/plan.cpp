#include "schedule/plan.h"

#include <set>

#include "schedule/definition.h"
#include "schedule/step.h"
#include "sql/schedule.h"
#include "util/error.h"

namespace schedctl::schedule {
namespace {

// A definition that is due, of the database.
struct DueRow {
  std::int64_t id;
  Due due;
};

DueRow read_due(const db::Row& row, Zones& zones, Time now) {
  DueRow read{row["id"].as<std::int64_t>(), {}};
  auto& due = read.due;
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
  return read;
}

std::vector<std::string> dependencies_of(const std::vector<DueRow>& rows) {
  std::set<std::string> names;
  for (const auto& row : rows)
    names.insert(row.due.policies.depends_on.begin(), row.due.policies.depends_on.end());
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
  long waiting = 0;

  void add(const DueRow& row, Step step);
};

void Changes::add(const DueRow& row, Step step) {
  const bool waits = step.waiting_since.has_value();
  ids.push_back(row.id);
  last_slots.push_back(step.verdict.last);
  next_runs.push_back(waits ? row.due.slots.from : step.next_run);
  waiting_since.push_back(step.waiting_since);
  looks.push_back(step.look_at);
  pauses_over.push_back(!waits && row.due.slots.pause);
  waiting += waits ? 1 : 0;
  for (const auto slot : step.verdict.runs) {
    job_definitions.push_back(row.id);
    job_slots.push_back(slot);
    job_times.push_back(slot + delay_of(row.due.name, row.due.policies.jitter));
  }
  for (auto& gap : step.verdict.gaps) gaps.push_back({row.id, std::move(gap)});
  if (step.cancels) cancelled.push_back(row.id);
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
  planned.waiting = changes.waiting;
  planned.definitions = static_cast<long>(moved.size()) - planned.waiting;
}

}  // namespace

Planned plan(db::Transaction& tx, Zones& zones, const PlanRequest& request) {
  Planned planned;
  planned.locked = *tx.exec(sql::schedule::plan_lock, request.now)[0]["mine"].c_str() == 't';
  if (!planned.locked) return planned;

  std::vector<DueRow> all;
  const auto rows = tx.exec(sql::schedule::plan_due, request.now, request.limit, request.eager,
                            request.leave_out);
  for (const auto& row : rows) try {
      all.push_back(read_due(row, zones, request.now));
    } catch (const DataError& e) {
      planned.unusable.push_back({row["id"].as<std::int64_t>(), row["name"].c_str(), e.what()});
    }
  const auto dependencies = look_at_dependencies(tx, dependencies_of(all), request.now);
  Changes changes;
  for (const auto& row : all) changes.add(row, step(row.due, dependencies));
  store(tx, std::move(changes), request.now, planned);
  planned.more = static_cast<int>(rows.size()) >= request.limit;
  return planned;
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
