// Remote: a server in a network of its own, host a at the other end of a wire, and host b, which
// sits beside the server and never loses it. Handlers are witnesses, whom a judge hears.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "chaos/judge.h"
#include "support/island.h"
#include "support/network.h"

namespace schedctl::test {

struct Remote {
  explicit Remote(const std::string& toml = "");

  Process start_a(const std::vector<std::string>& arguments) const;
  Process start_b(const std::vector<std::string>& arguments) const;
  Process start_lingering_b() const;

  // "hang=60000": what the handler does, see the witness.
  job::JobId enqueue_witness(const std::string& plan) const;
  // The n-th that a handler has started, from 1. Waits for it.
  chaos::Record await_start(std::size_t n, std::chrono::milliseconds deadline = 30s) const;
  bool has_started(std::size_t n) const;
  // To be called when all is over: journal and tables agree, and no two attempts ran at once.
  void check_history() const;

  Namespace here, there;
  Wire wire;
  Island island;
  std::string url;  // of the server, as host a knows it
};

}  // namespace schedctl::test
