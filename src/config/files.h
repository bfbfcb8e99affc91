// Files: the configuration file, and what lies in conf.d beside it, as one document.
#pragma once

#include <string>
#include <vector>

#include "config/document.h"

namespace schedctl::config {

// The file and each conf.d/*.toml beside it, in the order of their names; hidden ones are left out.
// Throws ConfigError when conf.d is there and cannot be listed.
std::vector<std::string> list_files(const std::string& file);

// What they hold together. Each is checked as read_source does. Throws ConfigError.
Table read_files(const std::vector<std::string>& files);

}  // namespace schedctl::config
