// Pooler: a real PgBouncer on a unix socket of its own, before a server that lets in whom it is
// told to. Nothing of a session lasts longer than a transaction behind it: it has few server
// connections, takes another one each time, and gives each a state that nobody would want.
#pragma once

#include <signal.h>

#include <optional>
#include <string>

#include "support/process.h"

namespace schedctl::test {

// Whether the tests reach their database through a pooler, in transaction mode:
// $SCHEDCTL_TEST_POOLED.
bool pooled();

// For a test whose subject is a session, which a pooler does not give. True: it says so, and the
// test is to return at once.
bool needs_session(const char* why);
// How many have been left out like that in this run.
int left_out();

// What another client may have left in a session: whoever relies on it fails.
extern const char* const hostile_session;

struct PoolerOptions {
  std::string mode = "transaction";       // or "session"
  int size = 4;                           // server connections for each user and database
  std::string settings = {};              // further lines of its configuration
  std::string session = hostile_session;  // what each server connection is told at first
};

class Pooler {
 public:
  explicit Pooler(const std::string& server_url, const PoolerOptions& options = {});
  Pooler(const Pooler&) = delete;
  Pooler& operator=(const Pooler&) = delete;

  // The server's URL, by way of the pooler.
  const std::string& url() const { return url_; }
  // How many round trips its clients have made to the server.
  int round_trips() const;

  void start();
  // As a crash would end it, with all connections.
  void crash();
  // It takes what comes and does nothing with it, or goes on.
  void freeze() { process_->kill(SIGSTOP); }
  void thaw() { process_->kill(SIGCONT); }

 private:
  TempDir folder_;
  std::string socket_folder_;
  std::string url_;
  std::optional<Process> process_;
};

// Ends with the tests.
const Pooler& shared_pooler();

}  // namespace schedctl::test
