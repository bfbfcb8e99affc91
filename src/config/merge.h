// Merge: tables of several files, or of a profile, laid into one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/document.h"

namespace schedctl::config {

// Adds the root table of another file. Sections may be spread over files; a key, a handler or a
// definition that stands in both throws ConfigError with both places.
void merge(Table& root, Table other);

// Takes the [profile.NAME] tables out of `root` and lays the one that is named over the rest, key
// by key; a key keeps the place where its value stands. Returns the names of all. Throws
// ConfigError when the named one is not there: `origin` says who named it.
std::vector<std::string> apply_profile(Table& root, const std::optional<std::string>& name,
                                       const std::string& origin);

}  // namespace schedctl::config
