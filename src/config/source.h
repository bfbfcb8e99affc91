// Source: the bytes of a configuration file, taken only from a file that nobody else could have
// written.
#pragma once

#include <string>

namespace schedctl::config {

// Enough for a hundred thousand definitions.
inline constexpr std::size_t source_limit_bytes = 16 << 20;

// What the file at `path` holds: UTF-8 without NUL, at most `source_limit_bytes`. A symbolic link
// is followed; type, owner and mode are those of the opened file. Never blocks, whatever is found
// there. Throws ConfigError.
std::string read_source(const std::string& path);

}  // namespace schedctl::config
