// Remote: a server in a network of its own, host a at the other end of a wire, and host b, which
// sits beside the server and never loses it. Handlers are witnesses.
#pragma once

#include <string>
#include <vector>

#include "doubt/history.h"
#include "support/network.h"

namespace schedctl::test {

struct Remote {
  // The server's settings are lines of postgresql.conf.
  explicit Remote(const std::string& toml = "", const std::string& settings = "");

  Process start_a(const std::vector<std::string>& arguments) const;
  Process start_b(const std::vector<std::string>& arguments) const;
  Process start_lingering_b() const;

  job::JobId enqueue_witness(const std::string& plan) const;

  Namespace here, there;
  Wire wire;
  Island island;
  std::string url;  // of the server, as host a knows it
};

}  // namespace schedctl::test
