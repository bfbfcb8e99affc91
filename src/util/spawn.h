// Spawn: start one command as the child of a reaper, with nothing of the reaper in it but three
// descriptors. Source: vfork(2), execve(2), credentials(7).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "util/reaper.h"
#include "util/reaper_message.h"

namespace schedctl {

// Starts a child that becomes the command: the leader of its own session, with default signal
// dispositions, no blocked signal, no descriptor but 0, 1 and 2 and no core dumps, and dying with
// its parent. -1 with errno set when there is no child. Needs a caller with one thread, all signals
// blocked and default dispositions; descriptor 0 of the caller is what the child gets when the
// request has no `in`.
pid_t spawn(const StartRequest& request);

struct NotStarted {
  ProcessEnd::Kind kind;  // not_startable, not_now or no_resources
  std::string message;
};
NotStarted not_started(int error);  // from the errno of spawn
// Asked when the child of the last spawn has ended: why it never became the command. Empty when it
// did.
std::optional<NotStarted> failure_of_last_spawn(const StartRequest& request);

// Whether `error` (errno) may be gone the next time: memory, processes, descriptors.
bool is_shortage(int error);

}  // namespace schedctl
