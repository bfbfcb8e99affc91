// Payload: what a definition hands to each of its jobs.
#pragma once

#include <string>

#include "config/document.h"

namespace schedctl::config {

// The text of one JSON object: a TOML table as JSON, keys in the order of their names; or a string
// that holds one, as it stands. Dates and times become strings. Throws Problem.
std::string read_payload(const Node& node);

}  // namespace schedctl::config
