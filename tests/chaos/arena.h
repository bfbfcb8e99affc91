// Arena: where a chaos test takes place: a PostgreSQL of its own, a folder with the configuration,
// the journal and a state folder for each host.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chaos/judge.h"
#include "db/connection.h"
#include "db/transaction.h"
#include "support/process.h"
#include "support/server.h"

namespace schedctl::chaos {

inline constexpr int hosts = 4;

class Arena {
 public:
  Arena();

  const std::string& folder() const { return folder_.path(); }
  std::string state_of(int host) const;

  // Starts schedctl as this host.
  test::Process start(int host, std::vector<std::string> arguments) const;

  // Nothing when the server did not answer, which happens when it is being killed.
  std::optional<db::Result> ask(const std::string& sql, const std::vector<db::Param>& params = {});
  // Asks until it has answered.
  db::Result insist(const std::string& sql, const std::vector<db::Param>& params = {});

  // What journal and tables say, without what was acknowledged.
  History history();

  // Copies journal, logs and configuration; returns where to.
  std::string keep(std::uint64_t seed) const;

 private:
  std::vector<QueueRow> queue();
  std::vector<ExecutionRow> executions();

  test::Server server_;
  test::TempDir folder_;
  config::Database database_;
  std::optional<db::Connection> connection_;
};

}  // namespace schedctl::chaos
