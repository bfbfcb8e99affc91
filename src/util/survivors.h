// Survivors: what a reaper that was killed leaves behind. It comes to the reaper's owner, itself a
// subreaper.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace schedctl::survivors {

// `reaper` is a child that must live, until it is forgotten.
void spare(pid_t reaper);
void forget(pid_t reaper);

// Clock ticks since boot, as start_ticks_of().
std::uint64_t now_ticks();

// Kills and reaps the children of this process that were started at `ticks` or later, lead or
// joined a session other than this process's, and are not spared; and what comes to this process
// when they end. Gives up after a second.
void end_since(std::uint64_t ticks);

}  // namespace schedctl::survivors
