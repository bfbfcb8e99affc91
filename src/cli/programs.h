// Programs: what can be said of a command handler's program before it runs.
#pragma once

#include <optional>
#include <string>

#include "config/config.h"

namespace schedctl::cli {

// Where the handler's program lies, when PATH is `inherited_path` unless the handler has its own.
std::optional<std::string> find_program(const config::CommandHandler& command,
                                        const std::string& inherited_path);

// Why it is not run: others may change it. Empty when nothing is wrong.
std::string program_fault(const config::CommandHandler& command, const std::string& path);

}  // namespace schedctl::cli
