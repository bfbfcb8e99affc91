#include "util/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace schedctl::signals {
namespace {

std::atomic<int> signal_count{0};
std::atomic<int> first_signal{0};
std::atomic<int> event{-1};

void on_signal(int number) {
  const int saved = errno;
  int none = 0;
  first_signal.compare_exchange_strong(none, number);
  ++signal_count;
  wake();
  errno = saved;
}

}  // namespace

void install() {
  event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGTERM, SIGINT}) sigaction(number, &action, nullptr);
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
}

int count() { return signal_count; }
int first() { return first_signal; }

void wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(event, &one, sizeof one);
}

void wait(std::chrono::milliseconds limit) {
  pollfd fd{event, POLLIN, 0};
  if (poll(&fd, 1, static_cast<int>(limit.count())) <= 0) return;
  std::uint64_t drained = 0;
  [[maybe_unused]] const auto got = read(event, &drained, sizeof drained);
}

}  // namespace schedctl::signals
