// Schedules and their slots as short texts, for tables of cases.
#pragma once

#include <string>
#include <vector>

#include "schedule/describe.h"
#include "schedule/refusal.h"
#include "schedule/schedule.h"

namespace schedctl::schedule {

inline Schedule with(decltype(Schedule::when) when, const std::string& zone = "UTC") {
  Schedule schedule;
  schedule.when = std::move(when);
  schedule.zone = Zones().find(zone);
  return schedule;
}

inline Schedule cron(const std::string& text, const std::string& zone = "UTC") {
  return with(parse_cron(text), zone);
}

// "2026-03-29 03:00:00+02:00 gap", in the schedule's zone.
inline std::string write_slot(const Schedule& schedule, const Slot& slot) {
  constexpr const char* marks[] = {"", " gap", " fold"};
  return format_in(schedule.zone, slot.utc) + marks[static_cast<std::size_t>(slot.mark)];
}

inline std::vector<std::string> slots_from(const Schedule& schedule, const std::string& from,
                                           std::size_t most) {
  std::vector<std::string> texts;
  for (const auto& slot : slots_between(schedule, parse_time(from), slots_end, most))
    texts.push_back(write_slot(schedule, slot));
  return texts;
}

}  // namespace schedctl::schedule
