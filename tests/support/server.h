// Server: a PostgreSQL of one test, on a loopback port, with passwords (scram-sha-256).
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/process.h"

namespace schedctl::test {

class Server {
 public:
  Server();   // the primary, with the superuser "owner"
  ~Server();  // stops it at once
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::unique_ptr<Server> standby() const;  // a copy that follows this one, and takes reads only

  // The database postgres, as the owner.
  std::string url(const std::string& password = right_password) const;
  void query(const std::string& sql) const;         // also when the server is read-only by default
  std::string value(const std::string& sql) const;  // what psql prints, without the last line end

  // Ends it as a crash would, and starts it again where it was.
  void crash() const;
  void start_again() const;

  static constexpr const char* right_password = "right";

 private:
  explicit Server(const std::string& primary_url);
  void make_folder() const;
  void start();  // on a free port
  void as_postgres(const std::vector<std::string>& argv) const;
  std::string data() const { return folder_ / "server/data"; }

  TempDir folder_;
  std::optional<uid_t> user_;  // root cannot run a server itself
  int port_ = 0;
};

}  // namespace schedctl::test
