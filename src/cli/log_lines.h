// Log lines as `logs` and `job show` print them: one each, in full, whatever the terminal's width.
#pragma once

#include <string>
#include <vector>

#include "observe/logs.h"

namespace schedctl::cli {

std::string log_lines_text(const std::vector<observe::LogLine>& lines);
std::string log_lines_json(const std::vector<observe::LogLine>& lines);

}  // namespace schedctl::cli
