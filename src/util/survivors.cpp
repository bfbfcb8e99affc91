#include "util/survivors.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "util/process_tree.h"

namespace schedctl::survivors {
namespace {

using namespace std::chrono_literals;

struct Spared {
  std::mutex mutex;
  std::set<pid_t> pids;
};

Spared& spared() {
  static Spared instance;
  return instance;
}

std::vector<pid_t> find_since(std::uint64_t ticks) {
  std::vector<pid_t> found;
  const pid_t own_session = ::getsid(0);
  const std::lock_guard lock(spared().mutex);
  for (const pid_t pid : children_of(::getpid()))
    if (!spared().pids.contains(pid) && session_of(pid) != own_session &&
        start_ticks_of(pid) >= ticks)
      found.push_back(pid);
  return found;
}

}  // namespace

void spare(pid_t reaper) {
  const std::lock_guard lock(spared().mutex);
  spared().pids.insert(reaper);
}

void forget(pid_t reaper) {
  const std::lock_guard lock(spared().mutex);
  spared().pids.erase(reaper);
}

std::uint64_t now_ticks() {
  static const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * per_second +
         static_cast<std::uint64_t>(now.tv_nsec) * per_second / 1'000'000'000;
}

void end_since(std::uint64_t ticks) {
  const auto give_up = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < give_up) {
    const auto found = find_since(ticks);
    if (found.empty()) return;
    for (const pid_t pid : found) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(1ms);
    for (const pid_t pid : found) ::waitpid(pid, nullptr, WNOHANG);
  }
}

}  // namespace schedctl::survivors
