// The answer of `next`, as JSON and as a page for people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/definition.h"
#include "schedule/schedule.h"
#include "util/clock.h"

namespace schedctl::cli {

struct NextSlots {
  const config::Definition* definition = nullptr;  // null: an expression of the command line
  std::optional<schedule::Schedule> schedule;      // none: it is only run by hand
  Duration delay{0};                               // by jitter
  Time from{};
  std::optional<Time> to;
  std::vector<schedule::Slot> slots;
  bool more = false;  // before `to`
};

std::string next_json(const NextSlots& next);
// Local times of the definition's zone; any name is safe for a terminal.
std::string next_page(const NextSlots& next);

}  // namespace schedctl::cli
