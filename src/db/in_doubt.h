// In doubt: whether a COMMIT took effect whose answer was lost.
// Source: PostgreSQL manual, "Transaction ID and Snapshot Information Functions".
#pragma once

#include <string>

#include "config/config.h"
#include "util/clock.h"

namespace schedctl::db {

enum class Fate { committed, rolled_back, unknown };

// Asks the server on a new connection, for about `patience` if the transaction is not over yet.
// Unknown when no answer is to be had, or only that of another server. `transaction` is what
// pg_current_xact_id() said in it, `server` where that was.
Fate fate_of(const std::string& transaction, const config::ServerIdentity& server,
             const config::Database& database, Duration patience = std::chrono::seconds(3));

}  // namespace schedctl::db
