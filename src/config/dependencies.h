// Dependencies: which definitions wait for which.
#pragma once

#include <map>
#include <string>

#include "config/definition.h"

namespace schedctl::config {

// Every name in a depends_on is that of another definition, and nobody waits for itself, not by way
// of others either. Throws ConfigError; a cycle is named as a whole.
void check_dependencies(const std::map<std::string, Definition>& definitions);

}  // namespace schedctl::config
