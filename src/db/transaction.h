// Transaction: BEGIN to COMMIT on one connection; rolled back when it is not committed.
#pragma once

#include <memory>
#include <optional>
#include <pqxx/result>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "db/connection.h"
#include "db/statement.h"
#include "util/clock.h"
#include "util/error.h"

namespace pqxx {
class transaction_base;
}

namespace schedctl::db {

using Result = pqxx::result;
using Row = pqxx::row;

// A parameter as text; null when empty. Built from numbers, strings, times and optionals of these,
// and from vectors, which become PostgreSQL arrays.
class Param {
 public:
  Param(std::nullptr_t) {}
  Param(const char* text) : text_(text) {}
  Param(std::string text) : text_(std::move(text)) {}
  Param(std::string_view text) : text_(std::string(text)) {}
  Param(bool value) : text_(value ? "t" : "f") {}
  Param(Time time);
  template <typename T>
  requires std::is_arithmetic_v<T> Param(T value) : text_(std::to_string(value)) {}
  template <typename T>
  Param(const std::optional<T>& value) {
    if (value) text_ = Param(*value).text_;
  }
  template <typename T>
  Param(const std::vector<T>& values) {
    std::string array = "{";
    for (const auto& value : values)
      if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
        array.append(std::to_string(value)).push_back(',');
      else
        append(array, Param(value));
    array.back() == '{' ? array.push_back('}') : void(array.back() = '}');
    text_ = std::move(array);
  }
  const std::optional<std::string>& text() const { return text_; }

 private:
  static void append(std::string& array, const Param& element);  // quoted, followed by ','
  std::optional<std::string> text_;
};

struct Autocommit {};
inline constexpr Autocommit autocommit;
struct Bare {};
inline constexpr Bare bare;

class Transaction {
 public:
  explicit Transaction(Connection& connection);
  // No BEGIN and no COMMIT: each statement is its own transaction, one round trip; commit() does
  // nothing. Behind a pooler, its settings go before it in the same message, so it cannot be one
  // that refuses to be in a transaction.
  Transaction(Connection& connection, Autocommit);
  // The same for statements that refuse it; behind a pooler, with the settings that the session
  // happens to have.
  Transaction(Connection& connection, Bare);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Prepared at its second use on this connection, unless that is pooled. Throws DatabaseError.
  template <typename... Args>
  Result exec(const Statement& statement, Args&&... args) {
    return exec_params(statement, {Param(std::forward<Args>(args))...});
  }
  // Text that is not embedded: a handler's own statement, a migration. Several commands only
  // without params.
  Result exec_text(const std::string& sql, const std::vector<Param>& params = {});

  // Throws DatabaseError; with connection_lost() the outcome of the commit is unknown.
  void commit();

  // clock_timestamp() of the server.
  Time now();

 private:
  Result exec_params(const Statement& statement, const std::vector<Param>& params);
  [[noreturn]] void fail() const;

  Connection& connection_;
  // Each statement brings the settings of the session along.
  bool brings_settings_ = false;
  std::unique_ptr<pqxx::transaction_base> transaction_;
};

// Reads a column: Time from timestamptz text, optionals from nulls.
Time time_of(const pqxx::field& field);
std::optional<Time> optional_time_of(const pqxx::field& field);
std::optional<std::string> optional_text_of(const pqxx::field& field);

}  // namespace schedctl::db
