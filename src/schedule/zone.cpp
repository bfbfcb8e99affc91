#include "schedule/zone.h"

#include <algorithm>

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

// What the clocks show differs from UTC by less than this.
constexpr seconds margin = longest_offset + hours(1);

Instant as_if_utc(LocalTime shown) { return Instant(shown.time_since_epoch()); }

}  // namespace

Zone::Zone() : Zone("UTC", ZoneRules{}) {}

Zone::Zone(std::string name, ZoneRules rules)
    : name_(std::move(name)), rules_(std::make_shared<const ZoneRules>(std::move(rules))) {}

Instant Zone::first_showing(LocalTime wanted) const {
  auto candidate = period(as_if_utc(wanted) - margin);
  while (candidate.local(candidate.end) <= wanted) candidate = period(candidate.end);
  return std::max(candidate.begin, candidate.instant(wanted));
}

LocalTime Zone::latest_shown(Instant at) const {
  auto earlier = period(at);
  LocalTime latest = earlier.local(at);
  // Going back never takes more than two days, the width of all zones.
  while (earlier.begin > at - 2 * margin) {
    const Instant last_second = earlier.begin - seconds(1);
    earlier = period(last_second);
    latest = std::max(latest, earlier.local(last_second));
  }
  return latest;
}

bool Zone::is_repeated(LocalTime shown) const {
  int times = 0;
  const Instant last = as_if_utc(shown) + margin;
  for (auto next = period(as_if_utc(shown) - margin);; next = period(next.end)) {
    const Instant at = next.instant(shown);
    if (at >= next.begin && at < next.end) ++times;
    if (next.end > last) return times > 1;
  }
}

}  // namespace schedctl::schedule
