// Literals: a statement with its parameters written into it, for the simple query protocol, which
// alone takes several statements in one message. Behind a pooler, that is the one way to send the
// settings of a transaction along with its only statement.
// Source: PostgreSQL manual, "Lexical Structure" and "Multiple Statements in a Simple Query".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "db/transaction.h"

struct pg_conn;

namespace schedctl::db {

// `statement` with each $n replaced by a literal, whose type is as open as that of a parameter, and
// without its comments. What it quotes stays as it is; it has no strings like E'\''. Throws
// DatabaseError (65) for a parameter that is not valid in the connection's encoding.
std::string with_literals(pg_conn* connection, std::string_view statement,
                          const std::vector<Param>& params);

}  // namespace schedctl::db
