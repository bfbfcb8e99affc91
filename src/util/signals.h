// Signals: SIGTERM and SIGINT as a flag and a descriptor to wait on. SIGHUP and SIGPIPE are
// ignored.
#pragma once

#include <chrono>

namespace schedctl::signals {

// Call once, before threads exist.
void install();

int count();  // SIGTERMs and SIGINTs so far
int first();  // the number of the first of them, 0 = none: the exit code is 128 + this

// Wakes wait(), from any thread or signal handler.
void wake() noexcept;
// Waits until wake() was called or a signal came since the last wait, at most `limit`.
void wait(std::chrono::milliseconds limit);

}  // namespace schedctl::signals
