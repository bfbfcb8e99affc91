// Leaks: what is left behind when everything is over and nothing may be.
#pragma once

#include <string>
#include <vector>

#include "chaos/arena.h"

namespace schedctl::chaos {

// Processes, locks and files of the hosts, sessions, locks and workers in the database.
std::vector<std::string> find_leaks(Arena& arena);

}  // namespace schedctl::chaos
