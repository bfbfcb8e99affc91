// The command handler: a program of the host, run under a reaper. DESIGN section 8.
#pragma once

#include <memory>

#include "handlers/handler.h"

namespace schedctl::handlers {

// `handler.how` must hold a CommandHandler.
std::unique_ptr<Handler> make_command(const config::Handler& handler);

}  // namespace schedctl::handlers
