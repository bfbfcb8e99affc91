// Server: a PostgreSQL of one test, on a port of its own, with passwords (scram-sha-256).
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/process.h"

namespace schedctl::test {

// As whom servers run; root cannot run one itself.
uid_t postgres_user();

class Server {
 public:
  struct Options {
    std::string settings = {};        // lines of postgresql.conf
    std::string access = {};          // lines of pg_hba.conf, before the usual ones
    std::optional<int> network = {};  // a network namespace; else the loopback of this one
  };
  Server() : Server(Options{}) {}  // a primary, with the superuser "owner"
  explicit Server(Options options);
  ~Server();  // stops it at once
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::unique_ptr<Server> standby() const;  // a copy that follows this one, and takes reads only

  // The database postgres, as the owner: from the loopback of its network, by its socket from
  // everywhere on this machine, or from another host.
  std::string url(const std::string& password = right_password) const;
  std::string socket_url() const;
  std::string url_at(const std::string& address) const;
  int port() const { return port_; }
  pid_t postmaster() const;
  std::string socket_folder() const { return folder_ / "server"; }
  void query(const std::string& sql) const;         // also when the server is read-only by default
  std::string value(const std::string& sql) const;  // what psql prints, without the last line end

  // Ends it as a crash would, and starts it again where it was.
  void crash() const;
  void start_again() const;
  void restart() const;  // "fast": the sessions are told
  void await_ready() const;
  void start_stopping() const;  // "smart": returns at once, and waits for all sessions
  void promote() const;         // a standby; returns when it takes writes
  // Waits until the standby has what the primary has.
  void await_copy(const Server& standby) const;

  static constexpr const char* right_password = "right";

 private:
  Server(const Server& primary, Options options);
  void make_folder() const;
  void start();  // on a free port
  void as_postgres(const std::vector<std::string>& argv) const;
  void pg_ctl(std::vector<std::string> arguments) const;
  std::string data() const { return folder_ / "server/data"; }

  Options options_;
  TempDir folder_;
  std::optional<uid_t> user_;  // root cannot run a server itself
  int port_ = 0;
};

}  // namespace schedctl::test
