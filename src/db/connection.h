// Connection: one session with the server, owned by one thread at a time, never reconnected behind
// its caller's back: libpqxx 6.4.5 would do so silently and lose the session's locks. DESIGN
// section 10.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <pqxx/result>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "util/clock.h"

struct pg_conn;

namespace schedctl::db {

// What a session is for decides the settings that travel in its start-up options, at no round trip.
enum class Session {
  control,    // commands of people: search_path, time limits
  claiming,   // as control; plans by index and nested loop, whatever the statistics say
  recording,  // as control; plans by index and hash join, whatever the statistics say
  heartbeat,  // as claiming, with tight keepalives, and commits that do not wait for the disk
  handler,    // for a `sql` handler: the role's own search_path and limits
  plain,      // outside the schema, e.g. to create it: no search_path, no limit but for locks
};

class Connection {
 public:
  // Connects, all hosts together within database.connect_timeout, with retries while the server
  // starts up or has no free slot. An old primary is passed over. Throws DatabaseError: 75
  // unreachable, 77 refused, 78 unknown database, undeclared pooler or nothing but an old primary,
  // with the remedy. A statement that gets no answer within the session's limits ends the session.
  explicit Connection(const config::Database& database, Session session = Session::control);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  bool is_open() const;
  bool in_transaction() const;                       // as the server last said
  int socket() const;                                // for poll(); -1 when closed
  int backend_pid() const;                           // of the server process
  std::optional<std::string> local_address() const;  // this end's IP address; none on a unix socket
  bool in_recovery() const;  // a standby, as found when the connection was made
  bool read_only() const;    // transactions may not write, as found when the connection was made
  // What the server says beside its answers (RAISE WARNING and the like), one line each, on the
  // thread that waits for the answer. Without a function nobody hears of it.
  void on_notice(std::function<void(std::string_view line)> heard);
  // Asks the server to cancel the statement that another thread is waiting for, and does not wait
  // for it; as sever() when no thread can be had for that. Thread-safe.
  void cancel() noexcept;
  // Breaks the socket, so that a thread that waits in a statement gets an error at once.
  // Thread-safe.
  void sever() noexcept;
  // How many notifications have arrived since the last call; never waits. Not within a transaction.
  // Throws DatabaseError when the connection is lost.
  int take_notifications();
  const config::ServerIdentity& server() const;
  const config::Database& database() const;

 private:
  friend class Transaction;
  friend class Waiting;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Checks a URL or keyword string as far as possible without a server. Throws ConfigError, whose
// message starts with `origin` and names the parameter that libpq does not know.
void check_url(const std::string& url, const std::string& origin);

}  // namespace schedctl::db
