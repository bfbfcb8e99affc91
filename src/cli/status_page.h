// The page that `status` prints for people.
#pragma once

#include <string>

#include "observe/status.h"

namespace schedctl::cli {

// The first line says in words how things are; then come compact tables of what there is.
std::string status_page(const observe::Status& status, int width, bool colors);

}  // namespace schedctl::cli
