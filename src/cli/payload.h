// A job's payload as the command line gives it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace schedctl::cli {

// `argument` is the JSON itself, "@FILE", or "-" for standard input. Files and standard input may
// be endless: `limit` is asked, once, when they pass 1 MiB, and reading stops behind it. Throws
// DataError that names the file.
std::string read_payload(const std::string& argument, const std::function<std::int64_t()>& limit);

// Refuses what is no UTF-8, no JSON, no object, or nested too deeply, with the line and column,
// before anything is sent. What only the server can judge is left to it. Throws DataError.
void check_payload(const std::string& payload);

}  // namespace schedctl::cli
