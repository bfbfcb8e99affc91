// Units: the plan as systemd wants it, from the texts in packaging/systemd.
#pragma once

#include <string>
#include <vector>

#include "setup/plan.h"

namespace schedctl::setup {

enum class UnitKind {
  packaged,  // of the user "schedctl" of the package, whose state systemd makes
  user,      // of the system, run as some user
  root,      // of the system, run as root
  session,   // of a user's own manager
};

struct Unit {
  std::string name;  // "schedctl.service"
  std::string text;
};

// The services of both commands and their timers. `writable` are folders that runs write into.
std::vector<Unit> units(const Plan& plan, UnitKind kind, const std::vector<std::string>& writable);

// One word of a command line, or one value of a list: nothing in it is expanded.
std::string unit_word(const std::string& text);

}  // namespace schedctl::setup
