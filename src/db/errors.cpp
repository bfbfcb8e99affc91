#include "db/errors.h"

#include <fmt/format.h>

#include <pqxx/except>

#include "util/text.h"

namespace schedctl::db {
namespace {

// What a person can do about it, for the states that need more than the server's own words.
std::string remedy(const std::string& sqlstate, const config::Database& database) {
  if (sqlstate == "25006") return " (the server is read-only: connect to the primary)";
  if (sqlstate == "55P03") return " (another session holds a lock on it: try again later)";
  if (sqlstate == "57014") return " (the time limit for one statement is over: try again later)";
  if (sqlstate == "42501") return ": have it granted, see \"schedctl migrate --roles\"";
  if (sqlstate == "53100") return " (the server's disk is full)";
  if (sqlstate == "42P01" || sqlstate == "3F000" || sqlstate == "42883" || sqlstate == "42703")
    return fmt::format(" in schema \"{}\": run \"schedctl migrate\"",
                       escape_control(database.schema));
  return "";
}

[[noreturn]] void raise(const std::string& sqlstate, const std::string& message, bool lost,
                        const config::Database& database) {
  throw DatabaseError(
      lost ? ExitCode::temporary : exit_code_for(sqlstate),
      fmt::format("database: {}{}", first_line(message), remedy(sqlstate, database)), sqlstate,
      lost);
}

}  // namespace

ExitCode exit_code_for(const std::string& sqlstate) {
  const auto is = [&](std::string_view prefix) { return sqlstate.starts_with(prefix); };
  if (is("08") || is("40") || is("53") || is("55") || is("57") || is("58") || is("25"))
    return ExitCode::temporary;
  if (is("28") || is("42501")) return ExitCode::permission;
  if (is("3D") || is("3F") || is("42P01") || is("42703") || is("42883")) return ExitCode::config;
  if (is("22") || is("23") || is("54")) return ExitCode::data;
  return ExitCode::internal;
}

std::string first_line(const std::string& server_message) {
  std::string_view text = server_message;
  for (const std::string_view prefix : {"ERROR:", "FATAL:", "PANIC:"})
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return escape_control(text.substr(0, text.find('\n')));
}

void rethrow(std::exception_ptr cause, const config::Database& database,
             std::string_view last_words) {
  try {
    std::rethrow_exception(std::move(cause));
  } catch (const pqxx::broken_connection&) {
    std::string message = "the connection was lost";
    if (last_words.starts_with("FATAL:")) message += ": " + first_line(std::string(last_words));
    raise("", message, true, database);
  } catch (const pqxx::in_doubt_error&) {
    raise("", "the connection was lost during COMMIT; whether it took effect is unknown", true,
          database);
  } catch (const pqxx::insufficient_privilege& e) {  // libpqxx drops its SQLSTATE
    raise("42501", e.what(), false, database);
  } catch (const pqxx::sql_error& e) {
    raise(e.sqlstate(), e.what(), e.sqlstate().starts_with("57P0"), database);
  } catch (const pqxx::deadlock_detected& e) {
    raise("40P01", e.what(), false, database);
  } catch (const pqxx::statement_completion_unknown& e) {
    raise("40003", e.what(), false, database);
  } catch (const pqxx::transaction_rollback& e) {
    raise("40001", e.what(), false, database);
  } catch (const pqxx::failure& e) {
    raise("", e.what(), false, database);
  } catch (const pqxx::usage_error& e) {  // e.g. a statement in a transaction that has failed
    throw Error(ExitCode::internal, first_line(e.what()));
  }
}

}  // namespace schedctl::db
