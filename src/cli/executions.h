// Executions as `history` and `job show` print them.
#pragma once

#include <string>
#include <vector>

#include "observe/history.h"

namespace schedctl::cli {

std::string executions_table(const std::vector<observe::Execution>& executions);
std::string executions_json(const std::vector<observe::Execution>& executions);

}  // namespace schedctl::cli
