#include "support/network.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <map>
#include <random>
#include <stdexcept>
#include <vector>

namespace schedctl::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t largest_packet = 65536;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + strerrordesc_np(errno));
}

// A namespace belongs to a thread, so one that enters another is not used for anything else.
void on_own_thread(const std::function<void()>& work) {
  std::exception_ptr fault;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      fault = std::current_exception();
    }
  }).join();
  if (fault) std::rethrow_exception(fault);
}

sockaddr ipv4(const std::string& address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  if (inet_pton(AF_INET, address.c_str(), &in.sin_addr) != 1)
    throw std::runtime_error(address + ": no IPv4 address");
  sockaddr any{};
  static_assert(sizeof any == sizeof in);
  std::memcpy(&any, &in, sizeof in);
  return any;
}

void bring_up(const char* name) {
  const Fd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) fail("SIOCGIFFLAGS");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) fail("SIOCSIFFLAGS");
}

// One end of a wire, made in the namespace of the thread; the descriptor works from any.
Fd make_end(const std::string& own, const std::string& peer) {
  Fd tun(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun) fail("/dev/net/tun");
  ifreq request{};
  std::strcpy(request.ifr_name, "wire%d");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(tun.get(), TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  const Fd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  request.ifr_addr = ipv4(own);
  if (ioctl(control.get(), SIOCSIFADDR, &request) != 0) fail("SIOCSIFADDR");
  request.ifr_dstaddr = ipv4(peer);
  if (ioctl(control.get(), SIOCSIFDSTADDR, &request) != 0) fail("SIOCSIFDSTADDR");
  bring_up(request.ifr_name);
  return tun;
}

struct Packet {
  int to = -1;
  std::vector<char> bytes;
};

}  // namespace

bool may_make_networks() { return geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0; }

Namespace::Namespace() {
  on_own_thread([this] {
    if (unshare(CLONE_NEWNET) != 0) fail("unshare");
    bring_up("lo");
    fd_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd_) fail("/proc/thread-self/ns/net");
  });
}

void Namespace::run_inside(const std::function<void()>& work) const {
  on_own_thread([&] {
    if (setns(fd_.get(), CLONE_NEWNET) != 0) fail("setns");
    work();
  });
}

Wire::Wire(const Namespace& here, const std::string& here_address, const Namespace& there,
           const std::string& there_address)
    : stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  here.run_inside([&] { here_ = make_end(here_address, there_address); });
  there.run_inside([&] { there_ = make_end(there_address, here_address); });
  thread_ = std::jthread([this] { pump(); });
}

Wire::~Wire() { eventfd_write(stop_.get(), 1); }

void Wire::heal() {
  disturb(0, std::chrono::milliseconds(0));
  to_here_ = to_there_ = true;
}

void Wire::disturb(int loss_percent, std::chrono::milliseconds delay) {
  loss_percent_ = loss_percent;
  delay_ms_ = delay.count();
}

void Wire::pump() {
  std::multimap<Clock::time_point, Packet> under_way;
  std::minstd_rand dice(std::random_device{}());
  std::vector<char> buffer(largest_packet);
  const auto take = [&](const Fd& from, const Fd& to, const std::atomic<bool>& open) {
    for (;;) {
      const auto size = read(from.get(), buffer.data(), buffer.size());
      if (size <= 0) return;
      if (!open || static_cast<int>(dice() % 100) < loss_percent_) continue;
      under_way.emplace(Clock::now() + std::chrono::milliseconds(delay_ms_),
                        Packet{to.get(), {buffer.begin(), buffer.begin() + size}});
    }
  };
  for (;;) {
    pollfd fds[] = {{here_.get(), POLLIN, 0}, {there_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    int wait_ms = -1;
    if (!under_way.empty())
      wait_ms = static_cast<int>(std::max<std::int64_t>(
          0, std::chrono::ceil<std::chrono::milliseconds>(under_way.begin()->first - Clock::now())
                 .count()));
    poll(fds, 3, wait_ms);
    if (fds[2].revents != 0) return;
    take(here_, there_, to_there_);
    take(there_, here_, to_here_);
    while (!under_way.empty() && under_way.begin()->first <= Clock::now()) {
      const auto& [to, bytes] = under_way.begin()->second;
      // A full queue drops packets too, as real ones do.
      if (write(to, bytes.data(), bytes.size()) < 0 && errno != EAGAIN && errno != EIO) return;
      under_way.erase(under_way.begin());
    }
  }
}

}  // namespace schedctl::test
