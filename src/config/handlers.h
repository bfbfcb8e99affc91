// Handlers: the [handler.NAME] tables of the file.
#pragma once

#include <string>

#include "config/document.h"
#include "config/section.h"

namespace schedctl::config {

// Fills config.handlers and appends their settings. config.retry must be final: a handler's own
// keys go on top of it; `retry` tells where it came from. `noop` is always added. Throws
// ConfigError.
void read_handlers(const Table& root, const std::string& folder, const Section& retry,
                   Config& config);

}  // namespace schedctl::config
