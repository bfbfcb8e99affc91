// Systemd: where units lie, and what is to be said to systemctl(1) about them.
#pragma once

#include <string>
#include <vector>

#include "setup/units.h"

namespace schedctl::setup {

// /etc/systemd/system, or that of the user's own manager, which is made when it is missing. Throws
// Error 69 when there is no systemd here, 77 when it may not be written.
std::string unit_folder(UnitKind kind);

// Loads the units and starts the timers. False: systemd does not run here, so it is left to do.
// Throws Error 69 with systemctl's words.
bool start_timers(const std::vector<Unit>& units, UnitKind kind);
// Before the units are removed.
void stop_timers(const std::vector<Unit>& units, UnitKind kind);
// After they were.
void reload(UnitKind kind);

// What a person would type to start the timers.
std::string start_command(const std::vector<Unit>& units, UnitKind kind);

}  // namespace schedctl::setup
