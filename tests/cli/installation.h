// Installation: a database and the real binary that is configured for it.
#pragma once

#include <string>
#include <vector>

#include "support/database.h"
#include "support/process.h"

namespace schedctl::test {

struct Installation {
  Database database;
  TempDir folder;
  std::string config = folder.write("schedctl.toml", database.toml());

  ProcessResult schedctl(std::vector<std::string> arguments,
                         std::vector<std::string> env = {}) const {
    arguments.insert(arguments.begin(), binary());
    env.push_back("SCHEDCTL_CONFIG=" + config);
    env.push_back("TZ=UTC");
    ProcessOptions options;
    options.env = std::move(env);
    return run(arguments, options);
  }

  // The same in a shell, for pipes and redirections; $S is the binary.
  ProcessResult shell(const std::string& script) const {
    ProcessOptions options;
    options.env = {"SCHEDCTL_CONFIG=" + config, "TZ=UTC", "S=" + binary()};
    return run({"bash", "-c", script}, options);
  }
};

}  // namespace schedctl::test
