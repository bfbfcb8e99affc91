// The noop handler: does nothing, at once.
#pragma once

#include <memory>

#include "handlers/handler.h"

namespace schedctl::handlers {

std::unique_ptr<Handler> make_noop();

}  // namespace schedctl::handlers
