// The log as the configuration wants it.
#pragma once

#include "config/config.h"

namespace schedctl::cli {

void open_log(const config::Config& config);

}  // namespace schedctl::cli
