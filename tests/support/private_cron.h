// PrivateCron: a shell that sees the tables of cron, /etc/cron.d and the units of systemd empty and
// of its own, so that those of the machine stay untouched. For root only.
#pragma once

#include <string>
#include <vector>

#include "support/process.h"

namespace schedctl::test {

// Only root may, and not in every container.
bool may_mount();

// The command that runs `script` with bash in such a place; $S is the binary.
std::vector<std::string> in_private_cron(const std::string& script);

}  // namespace schedctl::test
