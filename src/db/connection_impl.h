// The one owner of a PGconn, shared by connection.cpp and transaction.cpp only.
#pragma once

#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <pqxx/connection_base>
#include <pqxx/connectionpolicy>
#include <set>
#include <string>
#include <string_view>

#include "db/connection.h"
#include "util/socket_timer.h"

namespace schedctl::db {

// Hands the PGconn that connect() made to libpqxx, once. A second request means that libpqxx wants
// to reconnect: refused, as the session's locks would be gone.
class ConnectOnce : public pqxx::connectionpolicy {
 public:
  explicit ConnectOnce(PGconn* connected) : connectionpolicy(""), connected_(connected) {}
  handle do_startconnect(handle) override;
  handle do_completeconnect(handle connection) override { return connection; }

 private:
  PGconn* connected_;
};

// What asks the server to cancel a statement. It may wait for the network for long, so it is asked
// on a thread that nobody waits for, and not twice at a time.
struct Canceller {
  explicit Canceller(PGconn* connection) : request(PQgetCancel(connection)) {}
  ~Canceller() { PQfreeCancel(request); }
  Canceller(const Canceller&) = delete;
  Canceller& operator=(const Canceller&) = delete;

  PGcancel* const request;
  std::atomic<bool> busy{false};
};

struct PolicyHolder {
  ConnectOnce policy;
};

class Connection::Impl : private PolicyHolder, public pqxx::connection_base {
 public:
  Impl(PGconn* connected, config::Database database, Session session);
  ~Impl();

  PGconn* const raw;
  const std::shared_ptr<Canceller> canceller;
  const config::Database database;
  const std::string local_settings;  // of each transaction; empty unless the database is pooled
  std::set<const char*> seen;        // statements used once: prepared at their second use
  std::set<const char*> prepared;
  std::function<void(std::string_view)> on_notice;
  bool in_recovery = false;
  bool read_only = false;
  config::ServerIdentity server;
  const std::chrono::milliseconds limit;  // for an answer; zero: none
  SocketTimer timer;
};

// As long as this object lives, we wait for an answer.
class Waiting {
 public:
  explicit Waiting(Connection::Impl& session) : session_(session) {
    if (session.limit.count() > 0) session.timer.arm(session.limit);
  }
  ~Waiting() {
    if (session_.limit.count() > 0) session_.timer.disarm();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  Connection::Impl& session_;
};

}  // namespace schedctl::db
