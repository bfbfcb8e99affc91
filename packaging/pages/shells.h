// Shells: completion scripts for bash, zsh and fish.
#pragma once

#include <string>

#include "model.h"

namespace schedctl::pages {

std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);

}  // namespace schedctl::pages
