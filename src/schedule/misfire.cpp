#include "schedule/misfire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace schedctl::schedule {
namespace {

constexpr std::chrono::microseconds moment(1);

// From (inclusive) to (exclusive).
struct Stretch {
  Time from, to;
};

struct Stretches {
  Stretch before, paused, after;
};

// Without a pause all of it is `after`.
Stretches divide(const DueSlots& due) {
  const Time end = due.now + moment;
  if (!due.pause) return {{due.from, due.from}, {due.from, due.from}, {due.from, end}};
  const Time since = std::clamp(due.pause->first, due.from, end);
  const Time until = std::clamp(due.pause->second, since, end);
  return {{due.from, since}, {since, until}, {until, end}};
}

std::optional<Time> last_of(const Schedule& schedule, const Stretches& due) {
  const auto last = last_slot_between(schedule, due.after.from, due.after.to);
  return last ? last : last_slot_between(schedule, due.before.from, due.before.to);
}

// The latest slots first, not before `oldest`.
void catch_up(const Schedule& schedule, const Stretch& stretch, Time oldest, int most,
              std::vector<Time>& runs) {
  const Time from = std::max(stretch.from, oldest);
  for (Time to = stretch.to; static_cast<int>(runs.size()) < most;) {
    const auto slot = last_slot_between(schedule, from, to);
    if (!slot) return;
    runs.push_back(*slot);
    to = *slot;
  }
}

std::vector<Time> choose(const Schedule& schedule, const Policies& policies, const DueSlots& due,
                         const Stretches& stretches) {
  std::vector<Time> runs;
  if (due.obstacle) return runs;
  if (policies.misfire == Policies::Misfire::all) {
    const Time oldest = due.now - policies.catchup_window;
    for (const auto& stretch : {stretches.after, stretches.before})
      catch_up(schedule, stretch, oldest, policies.catchup_max, runs);
    std::ranges::reverse(runs);
    return runs;
  }
  const auto last = last_of(schedule, stretches);
  const Time expected = std::min(due.now, due.waiting_since.value_or(due.now));
  const bool missed = last && *last < expected - on_time;
  if (last && !(missed && policies.misfire == Policies::Misfire::skip)) runs.push_back(*last);
  return runs;
}

void add_gap(const Schedule& schedule, const Stretch& stretch, Gap gap, std::vector<Gap>& gaps) {
  const auto slots = span_between(schedule, stretch.from, stretch.to);
  if (!slots) return;
  gap.slots = *slots;
  gaps.push_back(std::move(gap));
}

}  // namespace

const char* name_of(Reason reason) {
  constexpr std::array names = {"coalesced", "misfire", "overlap",  "dependency",
                                "paused",    "changed", "disabled", "retired"};
  return names.at(static_cast<std::size_t>(reason));
}

std::string describe(const Gap& gap) {
  const auto& [first, last, count] = gap.slots;
  auto text = count == 1 ? fmt::format("1 slot, {}: ", format_utc(first))
                         : fmt::format("{} slots from {} to {}: ", count, format_utc(first),
                                       format_utc(last));
  switch (gap.reason) {
    case Reason::coalesced:
      return text + "missed; the run of slot " + format_utc(*gap.run) + " stands for them";
    case Reason::misfire:
      return text + "missed";
    case Reason::overlap:
      return text + "an earlier run was not over";
    case Reason::dependency:
      return text + gap.detail;
    case Reason::paused:
      return text + "paused";
    case Reason::changed:
      return text + "the schedule was changed before they were planned";
    case Reason::disabled:
      return text + "disabled before they were planned";
    case Reason::retired:
      break;
  }
  return text + "no host declares the definition any more";
}

Verdict decide(const Schedule& schedule, const Policies& policies, const DueSlots& due) {
  const auto stretches = divide(due);
  Verdict verdict;
  verdict.runs = choose(schedule, policies, due, stretches);

  Gap open{.detail = due.detail};
  if (due.obstacle) {
    open.reason = *due.obstacle;
  } else if (policies.misfire == Policies::Misfire::coalesce && !verdict.runs.empty()) {
    open.reason = Reason::coalesced;
    open.run = verdict.runs.back();
  }
  // What runs are the latest of the open slots, without a hole.
  const Time end = verdict.runs.empty() ? stretches.after.to : verdict.runs.front();
  const auto rest = [end](Stretch stretch) {
    return Stretch{stretch.from, std::min(stretch.to, end)};
  };
  add_gap(schedule, rest(stretches.before), open, verdict.gaps);
  add_gap(schedule, stretches.paused, {.reason = Reason::paused}, verdict.gaps);
  add_gap(schedule, rest(stretches.after), open, verdict.gaps);

  if (!verdict.runs.empty()) verdict.last = verdict.runs.back();
  for (const auto& gap : verdict.gaps)
    verdict.last = std::max(verdict.last.value_or(gap.slots.last), gap.slots.last);
  return verdict;
}

}  // namespace schedctl::schedule
