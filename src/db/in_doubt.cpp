#include "db/in_doubt.h"

#include <chrono>
#include <thread>

#include "db/connection.h"
#include "db/transaction.h"
#include "util/error.h"

namespace schedctl::db {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr Statement status{"db.xact_status", "select pg_catalog.pg_xact_status($1::xid8)"};

// Null when the transaction is so old that it has been forgotten.
Fate ask(Connection& connection, const std::string& transaction, Clock::time_point until) {
  for (;; std::this_thread::sleep_for(50ms)) {
    Transaction tx(connection, autocommit);
    const auto answer = optional_text_of(tx.exec(status, transaction)[0][0]);
    if (answer == "committed") return Fate::committed;
    if (answer == "aborted") return Fate::rolled_back;
    if (answer != "in progress" || Clock::now() > until) return Fate::unknown;
  }
}

}  // namespace

Fate fate_of(const std::string& transaction, const config::ServerIdentity& server,
             const config::Database& database, Duration patience) {
  const auto until = Clock::now() + patience;
  try {
    Connection connection(database);
    if (connection.server() != server || server.timeline == 0) return Fate::unknown;
    return ask(connection, transaction, until);
  } catch (const DatabaseError&) {
    return Fate::unknown;
  }
}

}  // namespace schedctl::db
