// Socket timer: shuts a socket down that is not done with in time, so that whoever waits for it
// hears of its end. For libraries that wait for an answer as long as it takes, as libpq does.
// Source: timer_create(2), signal-safety(7).
#pragma once

#include <time.h>

#include <chrono>

namespace schedctl {

class SocketTimer {
 public:
  // The socket stays open as long as this object lives. Throws std::system_error.
  explicit SocketTimer(int socket);
  ~SocketTimer();
  SocketTimer(const SocketTimer&) = delete;
  SocketTimer& operator=(const SocketTimer&) = delete;

  // Zero: no limit. By one thread at a time.
  void arm(std::chrono::milliseconds limit);
  void disarm() { arm(std::chrono::milliseconds(0)); }

 private:
  timer_t timer_{};
};

}  // namespace schedctl
