// What the server or libpqxx says, as a DatabaseError with the exit code that it means.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "config/config.h"
#include "util/error.h"

namespace schedctl::db {

// The exit code for a SQLSTATE: 75 what may pass, 77 rights, 78 schema or database, 65 bad values,
// 70 else.
ExitCode exit_code_for(const std::string& sqlstate);

// The first line of a server's message, without "ERROR:  " and without control characters.
std::string first_line(const std::string& server_message);

// Rethrows `cause` (a pqxx exception) as DatabaseError; anything else as it is. `last_words` are
// what libpq heard last from the server, or from a pooler: they tell why a connection was ended.
[[noreturn]] void rethrow(std::exception_ptr cause, const config::Database& database,
                          std::string_view last_words);

}  // namespace schedctl::db
