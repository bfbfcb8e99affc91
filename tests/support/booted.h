// Booted: a system of its own that real systemd has booted in a container: an overlay of this
// machine's files with what "cmake --install" puts there; what is written is gone with it. It
// shares the network. For root only; systemd-nspawn is in the package systemd-container.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/process.h"

namespace schedctl::test {

class Booted {
 public:
  // `configuration` becomes /etc/schedctl/schedctl.toml; nothing is enabled.
  explicit Booted(const std::string& configuration);

  // Runs with a shell inside, as root.
  ProcessResult run(const std::string& script) const;
  // Its standard output without the last newline; fails the test when it does not exit with 0.
  std::string value(const std::string& script) const;
  // Until the script exits with 0.
  void await(const std::string& script, std::chrono::milliseconds deadline = 30s) const;

 private:
  TempDir folder_;
  std::optional<Process> container_;
  pid_t leader_ = -1;
};

}  // namespace schedctl::test
