// Redact: connection strings without their secrets, for everything that people or logs see.
#pragma once

#include <string>
#include <string_view>

namespace schedctl::config {

// A PostgreSQL URL or keyword string with each password shown as ***. When a text could be read in
// two ways, more of it is hidden rather than less. Source: PostgreSQL manual, "Connection Strings".
std::string redact_url(std::string_view url);

}  // namespace schedctl::config
