// Answers oracle.py: reads lines of fields between tabs, writes one line for each.
//   slots ZONE EXPRESSION FROM TO    the slots from FROM (inclusive) to TO: seconds since 1970,
//   each
//                                    with "g" (gap) or "f" (fold) behind it
//   offsets ZONE FROM TO             each period's begin, or FROM, with its distance from UTC
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "schedule/schedule.h"
#include "util/error.h"

namespace schedctl::schedule {
namespace {

using std::chrono::seconds;

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields;
  for (std::size_t begin = 0; begin <= line.size();) {
    const auto end = std::min(line.find('\t', begin), line.size());
    fields.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
}

Instant read_instant(const std::string& text) { return Instant(seconds(std::stoll(text))); }

// Asked from any instant on, the next slot is the first of the same slots behind it.
bool holds_from_everywhere(const Schedule& schedule, const std::vector<Slot>& slots, Time middle) {
  constexpr auto around = std::chrono::hours(4);
  constexpr auto step = std::chrono::minutes(10);
  for (Time after = middle - around; after < middle + around; after += step) {
    const auto listed = std::ranges::upper_bound(slots, after, {}, &Slot::utc);
    const auto next = next_slot(schedule, after);
    if (listed != slots.end() && (!next || next->utc != listed->utc || next->mark != listed->mark))
      return false;
  }
  return true;
}

std::string answer_slots(const std::vector<std::string>& fields, Zones& zones) {
  constexpr std::string_view marks[] = {"", "g", "f"};
  Schedule schedule;
  schedule.zone = zones.find(fields.at(1));
  schedule.when = parse_cron(fields.at(2));
  const Time from = read_instant(fields.at(3)), to = read_instant(fields.at(4));
  const auto slots = slots_between(schedule, from, to, std::numeric_limits<std::size_t>::max());
  if (!holds_from_everywhere(schedule, slots, from + (to - from) / 2))
    return "the next slot depends on the instant from which it is asked for";
  std::string line;
  for (const auto& slot : slots)
    line += fmt::format("{}{}{}", line.empty() ? "" : " ",
                        std::chrono::floor<seconds>(slot.utc).time_since_epoch().count(),
                        marks[static_cast<std::size_t>(slot.mark)]);
  return line;
}

std::string answer_offsets(const std::vector<std::string>& fields, Zones& zones) {
  const auto zone = zones.find(fields.at(1));
  const auto to = read_instant(fields.at(3));
  std::string line;
  seconds before = seconds::max();
  for (auto at = read_instant(fields.at(2)); at < to;) {
    const auto period = zone.period(at);
    if (period.offset != before)
      line += fmt::format("{}{}:{}", line.empty() ? "" : " ", at.time_since_epoch().count(),
                          period.offset.count());
    before = period.offset;
    at = period.end;
  }
  return line;
}

}  // namespace
}  // namespace schedctl::schedule

int main() {
  using namespace schedctl::schedule;
  std::ios::sync_with_stdio(false);
  Zones zones;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      const auto fields = split(line);
      std::cout << (fields.at(0) == "slots" ? answer_slots(fields, zones)
                                            : answer_offsets(fields, zones))
                << '\n';
    } catch (const schedctl::Error& error) {
      std::cout << error.what() << '\n';
    }
  }
}
