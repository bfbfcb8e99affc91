#include "util/session_watch.h"

#include <utility>

namespace schedctl {

void SessionWatch::begin(Descriptor socket, std::int64_t losses_before) {
  socket_ = std::move(socket);
  losses_before_ = losses_before;
  due_.reset();
}

void SessionWatch::session_has_ended() {
  socket_.reset();
  due_ = std::chrono::steady_clock::now() + session_patience;
}

bool SessionWatch::owner_is_absent() {
  if (!due_ || std::chrono::steady_clock::now() < *due_) return false;
  due_.reset();
  return signs_->losses_noticed.load() <= losses_before_;
}

}  // namespace schedctl
