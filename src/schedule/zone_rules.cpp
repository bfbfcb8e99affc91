#include "schedule/zone_rules.h"

#include <algorithm>

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

// The period as far as the listed transitions tell: the last one reaches to zones_end.
Period listed_period(const ZoneRules& rules, Instant at) {
  const auto& list = rules.transitions;
  const auto next = std::ranges::upper_bound(list, at, {}, &Transition::at);
  Period period{zones_begin, zones_end, rules.first_offset};
  if (next != list.begin()) {
    period.begin = std::prev(next)->at;
    period.offset = std::prev(next)->offset;
  }
  if (next != list.end()) period.end = next->at;
  return period;
}

void narrow(Period& period, const PosixRule& rule, Instant at) {
  const Instant ruled_from = period.begin;
  const year y = year_month_day(floor<days>(at)).year();
  // In UTC a change may fall into the year before or after its own.
  for (const year near : {y - years(1), y, y + years(1)}) {
    for (const Transition& change : changes_in(rule, near)) {
      if (change.at <= ruled_from) continue;
      if (change.at > at) {
        period.end = change.at;
        return;
      }
      period.begin = change.at;
      period.offset = change.offset;
    }
  }
}

}  // namespace

Period period_at(const ZoneRules& rules, Instant at) {
  Period period = listed_period(rules, at);
  if (period.end == zones_end && rules.rule && rules.rule->has_summer)
    narrow(period, *rules.rule, at);
  return period;
}

}  // namespace schedctl::schedule
