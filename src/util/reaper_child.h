// What runs inside the reaper process.
#pragma once

#include <vector>

#include "util/reaper.h"

namespace schedctl {

struct ReaperSetup {
  int socket = -1;
  std::vector<int> keep_open;
  const OwnerSigns* signs = nullptr;
  Duration fence_after{0};
};

// Serves the owner at the other end of the socket until it is gone, then ends the process. To be
// called in the child right after fork(), with all signals blocked.
[[noreturn]] void serve_as_reaper(const ReaperSetup& setup);

}  // namespace schedctl
