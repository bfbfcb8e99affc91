#include "db/transaction.h"

#include <algorithm>
#include <cctype>
#include <pqxx/nontransaction>
#include <pqxx/prepared_statement>
#include <pqxx/transaction>

#include "db/connection_impl.h"
#include "db/errors.h"

namespace schedctl::db {
namespace {

bool needs_quotes(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == ':' || c == '.' || c == '+';
  };
  return text.empty() || !std::all_of(text.begin(), text.end(), plain) ||
         (text.size() == 4 && std::toupper(static_cast<unsigned char>(text[0])) == 'N');
}

// libpqxx takes parameters of a number known at run time from a range of C strings, null for null.
std::vector<const char*> pointers(const std::vector<Param>& params) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const auto& param : params) values.push_back(param.text() ? param.text()->c_str() : nullptr);
  return values;
}

constexpr Statement clock_timestamp{"db.now", "select clock_timestamp()"};

}  // namespace

Param::Param(Time time) : text_(format_utc(time)) {}

void Param::append(std::string& array, const Param& element) {
  if (!element.text_) {
    array += "NULL,";
  } else if (!needs_quotes(*element.text_)) {
    array += *element.text_;
    array += ',';
  } else {
    array += '"';
    for (const char c : *element.text_) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += "\",";
  }
}

Transaction::Transaction(Connection& connection) : connection_(connection) {
  try {
    transaction_ = std::make_unique<pqxx::work>(*connection.impl_);
  } catch (...) {
    rethrow(std::current_exception(), connection.database());
  }
}

Transaction::Transaction(Connection& connection, Autocommit) : connection_(connection) {
  try {
    transaction_ = std::make_unique<pqxx::nontransaction>(*connection.impl_);
  } catch (...) {
    rethrow(std::current_exception(), connection.database());
  }
}

Transaction::~Transaction() = default;

Result Transaction::exec_params(const Statement& statement, const std::vector<Param>& params) {
  auto& session = *connection_.impl_;
  const auto values = pointers(params);
  const auto arguments = pqxx::prepare::make_dynamic_params(values);
  try {
    if (session.seen.insert(statement.name).second)
      return transaction_->exec_params(statement.text, arguments);
    if (session.prepared.insert(statement.name).second)
      session.prepare(statement.name, statement.text);
    return transaction_->exec_prepared(statement.name, arguments);
  } catch (...) {
    rethrow(std::current_exception(), connection_.database());
  }
}

Result Transaction::exec_text(const std::string& sql, const std::vector<Param>& params) {
  try {
    if (params.empty()) return transaction_->exec(sql);
    const auto values = pointers(params);
    return transaction_->exec_params(sql, pqxx::prepare::make_dynamic_params(values));
  } catch (...) {
    rethrow(std::current_exception(), connection_.database());
  }
}

void Transaction::commit() {
  try {
    transaction_->commit();
  } catch (...) {
    rethrow(std::current_exception(), connection_.database());
  }
}

Time Transaction::now() { return time_of(exec(clock_timestamp)[0][0]); }

Time time_of(const pqxx::field& field) {
  return parse_time(std::string_view(field.c_str(), field.size()));
}

std::optional<Time> optional_time_of(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return time_of(field);
}

std::optional<std::string> optional_text_of(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return std::string(field.c_str(), field.size());
}

}  // namespace schedctl::db
