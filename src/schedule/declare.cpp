#include "schedule/declare.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "config/definition_keys.h"
#include "schedule/definition.h"
#include "schedule/plan.h"
#include "schedule/stored.h"
#include "schedule/traps.h"
#include "sql/schedule.h"
#include "util/digest.h"
#include "util/error.h"

namespace schedctl::schedule {
namespace {

using config::Definition;

constexpr std::chrono::microseconds moment(1);

std::string hexadecimal(const Digest& digest) { return fmt::format("{:016x}", digest.value()); }

bool holds(const db::Row& row, const char* column) { return *row[column].c_str() == 't'; }

// A definition that can be used, and what becomes of its row.
struct Candidate {
  const Declarations::One* one;
  std::optional<Schedule> schedule;  // none: only run by hand
  bool active() const { return schedule && one->definition->enabled; }
};

std::string written_of(const Candidate& candidate) {
  return candidate.schedule ? written_json(candidate.one->definition->schedule) : "";
}

bool same_schedule(const db::Row& row, const Candidate& candidate) {
  if (row["written"].is_null() || !candidate.schedule) return false;
  return candidate.one->timezone == row["timezone"].c_str() &&
         nlohmann::json::parse(row["written"].c_str()) ==
             nlohmann::json::parse(written_of(candidate));
}

// Slots under the schedule of a row that were due and not planned; counted as one when the schedule
// cannot be read here.
std::optional<Gap> unplanned(const db::Row& row, Reason reason, Zones& zones, Time now) {
  const auto next = db::optional_time_of(row["next_run_at"]);
  if (!next || *next > now) return std::nullopt;
  std::optional<Span> slots = Span{*next, *next, 1};
  try {
    const auto written = read_written(row["written"].c_str(), row["timezone"].c_str());
    slots = span_between(read_schedule(written, zones), *next, now + moment);
  } catch (const DataError&) {
  }
  if (!slots) return std::nullopt;
  return Gap{.slots = *slots, .reason = reason};
}

// Definitions that no host declares any more. Returns how many.
long retire(db::Transaction& tx, Zones& zones, Time now) {
  std::vector<std::int64_t> ids;
  std::vector<std::optional<Time>> last_slots;
  std::vector<DefinitionGap> gaps;
  for (const auto& row : tx.exec(sql::schedule::declare_retired)) {
    ids.push_back(row["id"].as<std::int64_t>());
    auto gap = unplanned(row, Reason::retired, zones, now);
    last_slots.push_back(gap ? std::optional(gap->slots.last) : std::nullopt);
    if (gap) gaps.push_back({ids.back(), std::move(*gap)});
  }
  if (!ids.empty()) tx.exec(sql::schedule::declare_retire, ids, last_slots);
  record_gaps(tx, gaps, now);
  return static_cast<long>(ids.size());
}

// What declare_write.sql is told, column by column.
struct Writes {
  std::vector<std::string> names, hashes, descriptions, handlers, payloads, policies;
  std::vector<std::optional<std::string>> schedules, written, timezones;
  std::vector<int> priorities;
  std::vector<std::optional<std::int64_t>> timeouts_ms;
  std::vector<std::optional<int>> max_retries, limits;
  std::vector<bool> active;
  std::vector<std::optional<Time>> last_slots, next_runs;
};

// One handing over.
class Handover {
 public:
  Handover(db::Transaction& tx, const Declarations& declarations, const DeclareRequest& request)
      : tx_(tx), declarations_(declarations), request_(request) {}

  Declared run() {
    tx_.exec(sql::schedule::declare_lock);
    read_schedules();
    leave_out_faulty();
    choose();
    write();
    result_.retired = retire(tx_, declarations_.zones(), request_.now);
    make_first_runs();
    if (request_.booted) make_reboot_runs();
    record_gaps(tx_, gaps_, request_.now);
    const bool complete =
        std::ranges::all_of(result_.left_out, [](const LeftOut& one) { return one.for_good; });
    tx_.exec(sql::schedule::declare_done, request_.host, mark_of(declarations_, complete),
             request_.boot_id);
    find_differences();
    return std::move(result_);
  }

 private:
  void read_schedules();
  void leave_out_faulty();
  void choose();
  bool refuse_past(const Candidate& candidate);
  void come_into_force(const db::Row& row, const Candidate& candidate);
  void write();
  void make_first_runs();
  void make_reboot_runs();
  void find_differences();

  db::Transaction& tx_;
  const Declarations& declarations_;
  const DeclareRequest& request_;
  std::vector<Candidate> candidates_;
  Writes writes_;
  std::vector<std::string> changed_;  // names
  std::set<std::string, std::less<>> first_run_names_;
  std::vector<std::int64_t> first_runs_;
  std::vector<DefinitionGap> gaps_;
  Declared result_;
};

void Handover::read_schedules() {
  for (const auto& one : declarations_.all()) try {
      Candidate candidate{&one, {}};
      if (one.definition->has_schedule())
        candidate.schedule = read_schedule(*one.definition, declarations_.zones());
      candidates_.push_back(std::move(candidate));
    } catch (const ConfigError& e) {
      result_.left_out.push_back({one.definition->name, e.what()});
    }
}

// The queue decides what a job may look like.
void Handover::leave_out_faulty() {
  std::vector<std::string> names, handlers, payloads;
  std::vector<int> priorities;
  std::vector<std::optional<int>> max_retries;
  std::vector<std::optional<std::string>> groups;
  std::vector<std::optional<std::int64_t>> timeouts_ms;
  for (const auto& [one, schedule] : candidates_) {
    const auto& definition = *one->definition;
    names.push_back(definition.name);
    handlers.push_back(definition.handler);
    payloads.push_back(definition.payload);
    priorities.push_back(definition.priority);
    max_retries.push_back(definition.retry.max_retries);
    groups.push_back(definition.group.empty() ? std::nullopt : std::optional(definition.group));
    timeouts_ms.push_back(definition.timeout ? std::optional(definition.timeout->count())
                                             : std::nullopt);
  }
  if (names.empty()) return;
  for (const auto& row : tx_.exec(sql::schedule::declare_faults, names, handlers, payloads,
                                  priorities, max_retries, groups, timeouts_ms)) {
    const std::string name = row["name"].c_str();
    result_.left_out.push_back({name, fmt::format("job.{}: {}", name, row["fault"].c_str())});
    std::erase_if(candidates_,
                  [&](const Candidate& other) { return other.one->definition->name == name; });
  }
}

void Handover::choose() {
  std::vector<std::string> names, hashes;
  for (const auto& candidate : candidates_) {
    names.push_back(candidate.one->definition->name);
    hashes.push_back(candidate.one->hash);
  }
  const auto rows = tx_.exec(sql::schedule::declare_seen, request_.host, names, hashes);
  std::map<std::string, db::Row> seen;
  for (const auto& row : rows) seen.emplace(row["name"].c_str(), row);

  std::vector<Candidate> kept;
  for (auto& candidate : candidates_) {
    const auto& row = seen.at(candidate.one->definition->name);
    if (row["id"].is_null() && refuse_past(candidate)) continue;
    const bool changed = holds(row, "changed"), in_force = holds(row, "in_force");
    if (changed) changed_.push_back(candidate.one->definition->name);
    const bool asleep = candidate.active() && !row["id"].is_null() && !holds(row, "is_active");
    if ((!in_force && (changed || holds(row, "orphaned"))) || (in_force && asleep))
      come_into_force(row, candidate);
    kept.push_back(std::move(candidate));
  }
  candidates_ = std::move(kept);

  names.clear();
  hashes.clear();
  for (const auto& candidate : candidates_) {
    names.push_back(candidate.one->definition->name);
    hashes.push_back(candidate.one->hash);
  }
  tx_.exec(sql::schedule::declare_host, request_.host, names, hashes);
}

// A new definition that would never run is a mistake.
bool Handover::refuse_past(const Candidate& candidate) {
  if (!candidate.active()) return false;
  const auto why = never_again(*candidate.schedule, request_.now);
  if (!why) return false;
  const auto& definition = *candidate.one->definition;
  result_.left_out.push_back(
      {definition.name,
       fmt::format("{}: job.{}: {}", definition.place.text(), definition.name, *why), true});
  return true;
}

void Handover::come_into_force(const db::Row& row, const Candidate& candidate) {
  const auto& definition = *candidate.one->definition;
  const bool was_active = !row["id"].is_null() && holds(row, "is_active");
  const bool goes_on = was_active && candidate.active() && same_schedule(row, candidate);
  std::optional<Time> last, next;
  if (goes_on) {
    next = db::optional_time_of(row["next_run_at"]);
  } else {
    const auto reason = candidate.active() ? Reason::changed : Reason::disabled;
    if (was_active)
      if (auto gap = unplanned(row, reason, declarations_.zones(), request_.now)) {
        last = gap->slots.last;
        gaps_.push_back({row["id"].as<std::int64_t>(), std::move(*gap)});
      }
    const Time after =
        std::max(request_.now, db::optional_time_of(row["last_slot"]).value_or(request_.now));
    if (candidate.active())
      if (const auto slot = next_slot(*candidate.schedule, after)) next = slot->utc;
  }

  if (definition.first_run_now && candidate.active()) first_run_names_.insert(definition.name);
  auto& to = writes_;
  to.names.push_back(definition.name);
  to.hashes.push_back(candidate.one->hash);
  to.descriptions.push_back(definition.description);
  to.handlers.push_back(definition.handler);
  to.payloads.push_back(definition.payload);
  to.policies.push_back(policies_json(definition));
  const auto if_scheduled = [&](std::string text) {
    return candidate.schedule ? std::optional(std::move(text)) : std::nullopt;
  };
  to.schedules.push_back(if_scheduled(show_written(definition.schedule)));
  to.written.push_back(if_scheduled(written_of(candidate)));
  to.timezones.push_back(if_scheduled(candidate.one->timezone));
  to.priorities.push_back(definition.priority);
  to.timeouts_ms.push_back(definition.timeout ? std::optional(definition.timeout->count())
                                              : std::nullopt);
  to.max_retries.push_back(definition.retry.max_retries);
  to.limits.push_back(definition.limit());
  to.active.push_back(candidate.active());
  to.last_slots.push_back(last);
  to.next_runs.push_back(next);
}

void Handover::write() {
  const auto& w = writes_;
  if (w.names.empty()) return;
  for (const auto& row :
       tx_.exec(sql::schedule::declare_write, w.names, w.hashes, w.descriptions, w.handlers,
                w.payloads, w.schedules, w.written, w.timezones, w.policies, w.priorities,
                w.timeouts_ms, w.max_retries, w.limits, w.active, w.last_slots, w.next_runs)) {
    ++result_.written;
    if (holds(row, "is_new") && first_run_names_.contains(row["name"].c_str()))
      first_runs_.push_back(row["id"].as<std::int64_t>());
  }
}

void Handover::make_first_runs() {
  if (first_runs_.empty()) return;
  tx_.exec(sql::schedule::plan_run, first_runs_, request_.now);
  result_.jobs += static_cast<long>(first_runs_.size());
}

// A start of the host is no slot, so it waits for no dependencies; a pause and an earlier run that
// is not over keep it from running all the same.
void Handover::make_reboot_runs() {
  std::vector<std::string> names;
  for (const auto& candidate : candidates_)
    if (candidate.active() && std::holds_alternative<Reboot>(candidate.schedule->when))
      names.push_back(candidate.one->definition->name);
  if (names.empty()) return;
  std::vector<std::int64_t> runs;
  for (const auto& row : tx_.exec(sql::schedule::declare_busy, names, request_.now)) {
    const auto id = row["id"].as<std::int64_t>();
    const Span start{request_.now, request_.now, 1};
    if (holds(row, "paused"))
      gaps_.push_back({id, {.slots = start, .reason = Reason::paused}});
    else if (holds(row, "unfinished"))
      gaps_.push_back({id, {.slots = start, .reason = Reason::overlap}});
    else
      runs.push_back(id);
  }
  tx_.exec(sql::schedule::plan_run, runs, request_.now);
  result_.jobs += static_cast<long>(runs.size());
}

void Handover::find_differences() {
  if (changed_.empty()) return;
  for (const auto& row : tx_.exec(sql::schedule::declare_differing, request_.host, changed_))
    result_.differing.emplace_back(row["definition"].c_str(), row["hosts"].c_str());
}

}  // namespace

Declarations::Declarations(const Definitions& definitions, Zones& zones) : zones_(zones) {
  std::optional<std::string> system_zone;
  Digest digest;
  for (const auto& [name, definition] : definitions) {
    One one{&definition, definition.schedule.timezone.value_or(""), ""};
    if (!definition.schedule.timezone) {
      // What is wrong with it is said where its clocks are needed.
      if (!system_zone) try {
          system_zone = zones.system_zone().name();
        } catch (const DataError&) {
          system_zone = "";
        }
      one.timezone = *system_zone;
    }
    Digest own;
    own.add(name).add(one.timezone);
    // Keys of later versions that are not set make no difference.
    for (const auto& key : config::definition_keys())
      if (const auto value = key.show(definition); !value.empty()) own.add(key.name).add(value);
    one.hash = hexadecimal(own);
    digest.add(one.hash);
    all_.push_back(std::move(one));
  }
  if (!all_.empty()) hash_ = hexadecimal(digest);
}

Declared declare(db::Transaction& tx, const Declarations& declarations,
                 const DeclareRequest& request) {
  return Handover(tx, declarations, request).run();
}

Upkeep upkeep(db::Transaction& tx, Zones& zones, Time now) {
  Upkeep done;
  tx.exec(sql::schedule::declare_lock);
  done.mended = static_cast<long>(tx.exec(sql::schedule::plan_mend, now).size());
  for (const auto& row : tx.exec(sql::schedule::declare_forget, now))
    done.forgotten.emplace_back(row["host"].c_str());
  if (!done.forgotten.empty()) done.retired = retire(tx, zones, now);
  return done;
}

std::string mark_of(const Declarations& declarations, bool complete) {
  return complete ? declarations.hash() : declarations.hash() + " incomplete";
}

}  // namespace schedctl::schedule
