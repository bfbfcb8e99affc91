// Process tree: the descendants of this process as /proc shows them, and signals for all of them.
// Meant for a child subreaper, which every orphan of its tree comes back to. Source:
// proc_pid_task_tid_children(5), pidfd_open(2).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace schedctl {

// The children of all threads of `pid`, zombies included. Exact while they do not come and go; a
// caller that must miss none asks again until nothing new is found.
std::vector<pid_t> children_of(pid_t pid);

struct SignalCount {
  int found = 0;    // descendants, zombies included
  int refused = 0;  // of them those that this process may not signal
};

// Sends the signals, in order, to every descendant of this process that is found. Never reaches a
// stranger that was given the number of a descendant just ended.
SignalCount signal_descendants(const std::vector<int>& signals);

// Sends SIGSTOP until no descendant is left that could start another one, so that a fork storm
// stands still.
void freeze_descendants();

// The resident memory of all descendants together.
std::int64_t descendants_rss_bytes();

// The parent of `pid`; 0 when there is no such process.
pid_t parent_of(pid_t pid);
// 'R' running, 'T' stopped by a signal, 'Z' dead and not yet reaped ...; 0 when there is no such
// process.
char state_of(pid_t pid);
// When `pid` was started, in clock ticks since boot; 0 when there is no such process.
std::uint64_t start_ticks_of(pid_t pid);
// The session of `pid`; 0 when there is no such process.
pid_t session_of(pid_t pid);

}  // namespace schedctl
