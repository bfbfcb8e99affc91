// The sql handler: one statement on a connection of its own, committed together with its job's
// completion.
#pragma once

#include <memory>

#include "config/config.h"
#include "handlers/handler.h"

namespace schedctl::handlers {

std::unique_ptr<Handler> make_sql(const config::Handler& handler);

}  // namespace schedctl::handlers
