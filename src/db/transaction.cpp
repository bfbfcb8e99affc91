#include "db/transaction.h"

#include <algorithm>
#include <cctype>
#include <pqxx/nontransaction>
#include <pqxx/prepared_statement>
#include <pqxx/transaction>

#include "db/connection_impl.h"
#include "db/errors.h"
#include "db/literals.h"

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

// Begins with the settings of the session, in the same round trip.
class PooledTransaction final : public pqxx::internal::basic_transaction {
 public:
  PooledTransaction(pqxx::connection_base& connection, const std::string& settings)
      : namedclass{"transaction"},
        basic_transaction(connection, pqxx::isolation_traits<pqxx::read_committed>::name(),
                          pqxx::read_write),
        begin_("begin isolation level read committed;" + settings) {
    Begin();
  }
  ~PooledTransaction() noexcept override { End(); }

 private:
  void do_begin() override { direct_exec(begin_.c_str()); }

  const std::string begin_;
};

// Several statements in one message are one transaction.
// Source: PostgreSQL manual, "Message Flow", "Multiple Statements in a Simple Query".
std::string with_settings(const std::string& settings, const std::string& sql) {
  return "set transaction isolation level read committed;" + settings + sql;
}

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
  auto& session = *connection.impl_;
  try {
    if (session.database.pooled)
      transaction_ = std::make_unique<PooledTransaction>(session, session.local_settings);
    else
      transaction_ = std::make_unique<pqxx::work>(session);
  } catch (...) {
    fail();
  }
}

Transaction::Transaction(Connection& connection, Autocommit) : Transaction(connection, bare) {
  brings_settings_ = connection.database().pooled;
}

Transaction::Transaction(Connection& connection, Bare) : connection_(connection) {
  try {
    transaction_ = std::make_unique<pqxx::nontransaction>(*connection.impl_);
  } catch (...) {
    fail();
  }
}

Transaction::~Transaction() = default;

Result Transaction::exec_params(const Statement& statement, const std::vector<Param>& params) {
  auto& session = *connection_.impl_;
  if (session.database.pooled) return exec_text(statement.text, params);
  const auto values = pointers(params);
  const auto arguments = pqxx::prepare::make_dynamic_params(values);
  try {
    if (session.seen.insert(statement.name).second)
      return transaction_->exec_params(statement.text, arguments);
    if (session.prepared.insert(statement.name).second)
      session.prepare(statement.name, statement.text);
    return transaction_->exec_prepared(statement.name, arguments);
  } catch (...) {
    fail();
  }
}

Result Transaction::exec_text(const std::string& sql, const std::vector<Param>& params) {
  auto& session = *connection_.impl_;
  try {
    if (brings_settings_)
      return transaction_->exec(with_settings(
          session.local_settings, params.empty() ? sql : with_literals(session.raw, sql, params)));
    if (params.empty()) return transaction_->exec(sql);
    const auto values = pointers(params);
    return transaction_->exec_params(sql, pqxx::prepare::make_dynamic_params(values));
  } catch (...) {
    fail();
  }
}

// Of the exception that is being handled.
void Transaction::fail() const {
  rethrow(std::current_exception(), connection_.database(), PQerrorMessage(connection_.impl_->raw));
}

void Transaction::commit() {
  try {
    transaction_->commit();
  } catch (...) {
    fail();
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
