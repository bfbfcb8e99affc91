// Network: hosts in network namespaces of their own, and wires between them that can be cut, made
// lossy or slow without either end hearing of it. Only root may make them; nothing outside of them
// is reached. Source: network_namespaces(7), the kernel's Documentation/networking/tuntap.rst.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "util/private_file.h"

namespace schedctl::test {

// Whether this process may make them; tests that need them are skipped otherwise.
bool may_make_networks();

// A network of its own, with a loopback and nothing else.
class Namespace {
 public:
  Namespace();
  int descriptor() const { return fd_.get(); }  // for ProcessOptions::network

 private:
  friend class Wire;
  void run_inside(const std::function<void()>& work) const;

  Fd fd_;
};

// Two hosts see each other at these IPv4 addresses. The packets go through a thread of ours, which
// may let them disappear or wait.
class Wire {
 public:
  Wire(const Namespace& here, const std::string& here_address, const Namespace& there,
       const std::string& there_address);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // From now on nothing arrives, and nobody is told.
  void cut() { cut_to_here(), to_there_ = false; }
  void cut_to_here() { to_here_ = false; }
  void heal();
  // Each packet is lost with this chance, else it takes this long. In both directions.
  void disturb(int loss_percent, std::chrono::milliseconds delay);

 private:
  void pump();

  Fd here_, there_, stop_;
  std::atomic<bool> to_here_{true}, to_there_{true};
  std::atomic<int> loss_percent_{0};
  std::atomic<std::int64_t> delay_ms_{0};
  std::jthread thread_;  // last: ends first
};

}  // namespace schedctl::test
