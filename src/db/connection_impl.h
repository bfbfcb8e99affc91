// The one owner of a PGconn, shared by connection.cpp and transaction.cpp only.
#pragma once

#include <libpq-fe.h>

#include <functional>
#include <pqxx/connection_base>
#include <pqxx/connectionpolicy>
#include <set>
#include <string>
#include <string_view>

#include "db/connection.h"

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

struct PolicyHolder {
  ConnectOnce policy;
};

class Connection::Impl : private PolicyHolder, public pqxx::connection_base {
 public:
  Impl(PGconn* connected, config::Database database, Session session);
  ~Impl();

  PGconn* const raw;
  PGcancel* const canceller;
  const config::Database database;
  const std::string local_settings;  // of each transaction; empty unless the database is pooled
  std::set<const char*> seen;        // statements used once: prepared at their second use
  std::set<const char*> prepared;
  std::function<void(std::string_view)> on_notice;
  bool in_recovery = false;
  bool read_only = false;
};

}  // namespace schedctl::db
