// Definitions: the [job.NAME] tables of the file.
#pragma once

#include <string>

#include "config/config.h"
#include "config/document.h"

namespace schedctl::config {

// Fills config.definitions; config.handlers must be complete. Names of handlers and definitions
// are checked to be there, dependencies to form no cycle. Throws ConfigError.
void read_definitions(const Table& root, Config& config);

}  // namespace schedctl::config
