// LocalCluster: a private PostgreSQL in a folder of ours, for those who have none. It is reached
// through a unix socket in a folder that only its owner (and root) may enter, so no password is
// needed.
//   FOLDER/pg       the data, made by initdb; owned by postgres when root asks
//   FOLDER/run      the socket
//   FOLDER/pg.log   what the server says; opened for appending, so logrotate's copytruncate works
// Database and role are called schedctl; the superuser is postgres.
// Source: PostgreSQL manual, chapter "Server Setup and Operation".
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "db/server_program.h"

namespace schedctl::db {

class LocalCluster {
 public:
  struct State {
    bool exists = false;
    bool running = false;        // it accepts connections
    pid_t pid = 0;               // 0: no server process
    std::string server_version;  // "15.6" when running, "15" when not
  };

  // Nothing is touched yet. Throws 78 when the socket's path would be too long for the system.
  explicit LocalCluster(const std::string& folder);

  // Makes it if need be, starts it if need be, and returns when it accepts connections. Any number
  // of callers at once get one cluster and one server. A half-made one is made anew. Throws 69 no
  // server program, 73 and 77 the folder, 75 when another caller holds the lock, or the server does
  // not answer, for 60 s.
  State start();
  // Ends all sessions and waits until the server is gone. False: it did not run. Throws 75.
  bool stop();
  State state() const;

  // Becomes psql, as role schedctl on this cluster unless the arguments say otherwise. Throws 69 no
  // psql, 75 not running.
  [[noreturn]] void exec_psql(const std::vector<std::string>& arguments) const;

  std::string url() const;
  const std::string& folder() const { return folder_; }
  const std::string& data() const { return data_; }

 private:
  bool exists() const;
  bool accepts_connections() const;
  pid_t server_pid() const;
  std::string major_version() const;
  std::string connected_version() const;
  void prepare_folder(const ClusterOwner& owner) const;
  void create(const ClusterOwner& owner, int lock) const;
  void launch(const ClusterOwner& owner) const;
  void wait_until_ready(pid_t server, int log, off_t said_before) const;
  void remove_stale_lock_files(const ClusterOwner& owner) const;

  std::string folder_;
  std::string data_;
  std::string socket_folder_;
  std::string log_;
};

}  // namespace schedctl::db
