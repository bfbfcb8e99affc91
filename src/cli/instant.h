// Instants as people type them on the command line.
#pragma once

#include <string>

#include "util/clock.h"

namespace schedctl::cli {

// "2026-11-22T06:12:00Z" and other offsets (RFC 3339), or "2026-11-22 06:12[:00]" in this machine's
// zone: the first of the two when the clocks go back over it. Throws DataError that names `option`,
// also for a local time that the clocks skip.
Time read_instant(const std::string& option, const std::string& text);

// "90m" and the like. Throws DataError that names `option`.
Duration read_duration(const std::string& option, const std::string& text);

// Whether a text that may be either is meant as a duration, such as "90m", rather than an instant.
bool is_duration(const std::string& text);

}  // namespace schedctl::cli
