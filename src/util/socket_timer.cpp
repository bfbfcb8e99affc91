#include "util/socket_timer.h"

#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <mutex>
#include <system_error>

namespace schedctl {
namespace {

// Not one of those that people send.
int alarm_signal() { return SIGRTMIN + 5; }

void shut_down(int, siginfo_t* info, void*) {
  const int saved = errno;
  if (info->si_code == SI_TIMER) shutdown(info->si_value.sival_int, SHUT_RDWR);
  errno = saved;
}

void listen_for_alarms() {
  struct sigaction action {};
  action.sa_sigaction = shut_down;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(alarm_signal(), &action, nullptr);
}

}  // namespace

SocketTimer::SocketTimer(int socket) {
  static std::once_flag once;
  std::call_once(once, listen_for_alarms);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = alarm_signal();
  event.sigev_value.sival_int = socket;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
    throw std::system_error(errno, std::generic_category(), "timer_create");
}

SocketTimer::~SocketTimer() { timer_delete(timer_); }

void SocketTimer::arm(std::chrono::milliseconds limit) {
  itimerspec when{};
  when.it_value.tv_sec = limit.count() / 1000;
  when.it_value.tv_nsec = limit.count() % 1000 * 1'000'000;
  timer_settime(timer_, 0, &when, nullptr);
}

}  // namespace schedctl
