// Diff: what changes between two texts, in the unified form that people know.
#pragma once

#include <string>

namespace schedctl::setup {

// Empty when they are equal. One hunk with three lines around it; lines are made fit for a
// terminal.
std::string diff(const std::string& before, const std::string& after, const std::string& label);

}  // namespace schedctl::setup
