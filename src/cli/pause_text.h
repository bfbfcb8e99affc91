// A pause as commands show it.
#pragma once

#include <string>

#include "queue/pause.h"

namespace schedctl::cli {

// "since 2026-11-22 07:12:00+01:00, until somebody resumes"
std::string pause_when(const queue::Pause& pause);
// "by ops: moving the database", one line.
std::string pause_who(const queue::Pause& pause);

// Members of a JSON object: "paused":true,"paused_since":...; without a pause all but the first are
// null.
std::string pause_members(const std::optional<queue::Pause>& pause);

}  // namespace schedctl::cli
