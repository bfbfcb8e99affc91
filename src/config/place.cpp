#include "config/place.h"

#include <fmt/format.h>

namespace schedctl::config {

std::string Place::text() const { return fmt::format("{}:{}", file ? *file : "", line); }

}  // namespace schedctl::config
