// Environment and flags: what they say about keys of the file, checked by the same rules.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "config/sections.h"

namespace schedctl::config {

// Any of these names a database for libpq, which then needs no URL.
inline constexpr std::array postgres_variables = {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE",
                                                  "PGSERVICE"};

inline constexpr std::string_view environment_origin = "environment ";

// Empty is as good as unset.
std::optional<std::string> environment_variable(const char* name);

// The variable that sets a key; empty: none does.
std::string variable_for(std::string_view section, std::string_view key);

void apply_environment(Sections& sections);                        // throws ConfigError
void apply_flags(const Overrides& overrides, Sections& sections);  // throws UsageError

}  // namespace schedctl::config
