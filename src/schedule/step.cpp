#include "schedule/step.h"

#include <algorithm>

namespace schedctl::schedule {
namespace {

constexpr auto look_at_waiting_again = std::chrono::seconds(1);

// True: it waits for its dependencies. Else what keeps its slots from running is noted.
bool must_wait(Due& due, const Dependencies& dependencies) {
  auto& slots = due.slots;
  if (due.unfinished && due.policies.overlap == Policies::Overlap::skip) {
    slots.obstacle = Reason::overlap;
    return false;
  }
  slots.detail = dependencies.obstacle(due.policies.depends_on);
  if (slots.detail.empty()) return false;
  const Time since = slots.waiting_since.value_or(slots.now);
  if (slots.now - since < due.policies.dependency_timeout) return true;
  slots.obstacle = Reason::dependency;
  return false;
}

}  // namespace

Step step(Due due, const Dependencies& dependencies) {
  const Time now = due.slots.now;
  Step result;
  if (must_wait(due, dependencies)) {
    const Time since = due.slots.waiting_since.value_or(now);
    result.waiting_since = since;
    result.look_at =
        std::min<Time>(now + look_at_waiting_again, since + due.policies.dependency_timeout);
    return result;
  }
  result.verdict = decide(due.schedule, due.policies, due.slots);
  const auto next = next_slot(due.schedule, std::max(now, result.verdict.last.value_or(now)));
  if (next) result.next_run = next->utc;
  result.cancels = due.policies.overlap == Policies::Overlap::cancel && due.unfinished &&
                   !result.verdict.runs.empty();
  return result;
}

}  // namespace schedctl::schedule
