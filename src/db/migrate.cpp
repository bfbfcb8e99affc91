#include "db/migrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "db/examine.h"
#include "db/transaction.h"
#include "sql/db.h"
#include "sql/migrations.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::db {
namespace {

constexpr auto record_table = R"(create table if not exists schema_migrations (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  applied_by text not null default session_user,
  binary_version text not null
);
comment on table schema_migrations is 'The steps that made this schema what it is';
)";

// An identifier that can be quoted and put into search_path with no second meaning.
void require_usable_name(const std::string& schema) {
  const auto refuse = [&](const char* why) {
    throw ConfigError(fmt::format("database.schema \"{}\": {}", escape_control(schema), why));
  };
  if (schema.empty() || schema.size() > 63) refuse("a name has 1 to 63 bytes");
  if (!is_storable(schema) || escape_control(schema) != schema)
    refuse("a name is valid UTF-8 without control characters");
  if (schema.starts_with("pg_") || schema == "$user")
    refuse("this name is reserved by PostgreSQL: choose another, e.g. \"schedctl\"");
}

std::string quoted(const std::string& schema) {
  require_usable_name(schema);
  std::string name = "\"";
  for (const char c : schema) name.append(c == '"' ? 2 : 1, c);
  return name + "\"";
}

std::string table_of(const std::string& schema) { return quoted(schema) + ".schema_migrations"; }

bool has_table(Transaction& tx, const std::string& schema) {
  return !tx.exec_text("select to_regclass($1::text)", {table_of(schema)})[0][0].is_null();
}

const Migration* known(int version) {
  const auto* found = std::find_if(std::begin(sql::migrations), std::end(sql::migrations),
                                   [&](const Migration& step) { return step.version == version; });
  return found == std::end(sql::migrations) ? nullptr : found;
}

void require_unchanged(const std::string& schema, int version, const std::string& name,
                       const std::string& checksum) {
  const auto* step = known(version);
  if (!step || checksum == step->checksum) return;
  throw ConfigError(
      fmt::format("schema \"{}\": migration {} was applied with another content than this "
                  "schedctl's {}: use the schedctl that "
                  "made the schema, or one of a later release",
                  schema, escape_control(name), step->name));
}

std::map<int, MigrationState> recorded(Transaction& tx, const std::string& schema) {
  std::map<int, MigrationState> states;
  if (!has_table(tx, schema)) return states;
  const auto rows =
      tx.exec_text("select version, name, checksum, applied_at, applied_by, binary_version from " +
                   table_of(schema) + " order by version");
  for (const auto& row : rows) {
    const auto version = row[0].as<int>();
    require_unchanged(schema, version, row[1].c_str(), row[2].c_str());
    states[version] = {version, row[1].c_str(), optional_time_of(row[3]), row[4].c_str(),
                       row[5].c_str()};
  }
  return states;
}

void require_writable(const Connection& connection) {
  const auto refuse = [&](const char* why) {
    throw DatabaseError(ExitCode::temporary,
                        fmt::format("schema \"{}\": the server is read-only, {}",
                                    escape_control(connection.database().schema), why),
                        "25006");
  };
  if (connection.in_recovery()) refuse("as it is a standby: migrate on the primary");
  if (connection.read_only())
    refuse("by default_transaction_read_only: migrate when it is writable again");
}

// Limits that a role or database may have set would cut a long step in two tries that both fail.
void take_lock(Transaction& tx, const std::string& schema, Duration patience) {
  tx.exec_text(
      fmt::format("set local statement_timeout = 0; set local lock_timeout = {}; "
                  "set local idle_in_transaction_session_timeout = 0; "
                  "set local search_path to {}, pg_temp",
                  std::max<std::int64_t>(patience.count(), 1), quoted(schema)));
  try {
    tx.exec_text("select pg_advisory_xact_lock(hashtextextended('schedctl.migrate ' || $1, 0))",
                 {schema});
  } catch (const DatabaseError& e) {
    if (e.sqlstate() != "55P03") throw;
    throw DatabaseError(
        ExitCode::temporary,
        fmt::format("schema \"{}\": another migration of it has run for {}: try again later",
                    schema, format_duration(patience)),
        e.sqlstate());
  }
}

// What is made belongs to whom the rest belongs to, also when a superuser makes it.
void become_owner(Transaction& tx, const std::string& schema) {
  const auto owner = tx.exec_text(
      "select quote_ident(pg_get_userbyid(n.nspowner)) from pg_namespace n "
      "join pg_class c on c.relnamespace = n.oid and c.relname = 'schema_migrations' "
      "and c.relowner = n.nspowner "
      "where n.nspname = $1 and pg_get_userbyid(n.nspowner) <> current_user "
      "and pg_has_role(n.nspowner, 'member')",
      {schema});
  if (!owner.empty()) tx.exec_text(fmt::format("set local role {}", owner[0][0].c_str()));
}

// Who may use the schema but not make one in this database can still migrate it.
void make_schema(Transaction& tx, const std::string& schema) {
  if (tx.exec_text("select to_regnamespace($1::text)", {quoted(schema)})[0][0].is_null())
    tx.exec_text("create schema " + quoted(schema));
  if (!has_table(tx, schema)) tx.exec_text(record_table);
}

// Each step makes something there; the server's own words would not say whose matter that is.
void require_right_to_create(Transaction& tx, const std::string& schema) {
  if (tx.exec_text("select has_schema_privilege($1, 'create')", {schema})[0][0].as<bool>()) return;
  throw DatabaseError(
      ExitCode::permission,
      fmt::format("database: permission denied to create in schema {}: it takes a member of "
                  "schedctl_owner, see \"schedctl migrate --roles\"",
                  escape_control(schema)),
      "42501");
}

void require_not_newer(const std::map<int, MigrationState>& states, const std::string& schema) {
  if (!states.empty() && states.rbegin()->first > latest_version())
    check_version(states.rbegin()->first, schema);
}

// One transaction. Null when nothing is left to do.
const Migration* apply_next(Connection& connection, Duration patience) {
  const auto& schema = connection.database().schema;
  Transaction tx(connection);
  take_lock(tx, schema, patience);
  const auto states = recorded(tx, schema);
  require_not_newer(states, schema);
  for (const auto& step : sql::migrations) {
    if (states.contains(step.version)) continue;
    make_schema(tx, schema);
    become_owner(tx, schema);
    require_right_to_create(tx, schema);
    tx.exec_text(step.text);
    tx.exec_text("insert into " + table_of(schema) +
                     " (version, name, checksum, binary_version) values ($1, $2, $3, $4)",
                 {step.version, step.name, step.checksum, SCHEDCTL_VERSION});
    tx.exec_text(note_pieces_statement());
    tx.commit();
    return &step;
  }
  return nullptr;
}

}  // namespace

int latest_version() { return std::rbegin(sql::migrations)->version; }

void check_version(int found, const std::string& schema) {
  const int needed = latest_version();
  const auto name = escape_control(schema);
  if (found == 0)
    throw ConfigError(
        fmt::format("schema \"{}\" has no schedctl tables: run \"schedctl migrate\"", name));
  if (found < needed)
    throw ConfigError(fmt::format(
        "schema \"{}\" is at version {}, this schedctl needs {}: run \"schedctl migrate\"", name,
        found, needed));
  if (found > needed)
    throw ConfigError(fmt::format(
        "schema \"{}\" is at version {}, this schedctl knows only {}: install the newer schedctl",
        name, found, needed));
}

int installed_version(Connection& connection) {
  const auto& schema = connection.database().schema;
  Transaction tx(connection, autocommit);
  if (!has_table(tx, schema)) return 0;
  return tx.exec_text("select coalesce(max(version), 0) from " + table_of(schema))[0][0].as<int>();
}

void migrate(Connection& connection, const std::function<void(const Migration&)>& applied,
             Duration patience) {
  require_usable_name(connection.database().schema);
  require_writable(connection);
  while (const auto* step = apply_next(connection, patience)) applied(*step);
}

std::vector<MigrationState> migration_states(Connection& connection) {
  Transaction tx(connection, autocommit);
  auto states = recorded(tx, connection.database().schema);
  for (const auto& step : sql::migrations)
    states.try_emplace(step.version, MigrationState{step.version, step.name, {}, "", ""});
  std::vector<MigrationState> all;
  for (auto& [version, state] : states) all.push_back(std::move(state));
  return all;
}

std::string migration_script(const std::string& schema) {
  const auto name = quoted(schema);
  auto script = fmt::format(
      "-- schedctl {}: makes schema {} at version {} in a database that has none.\n"
      "-- Run as the owner of the schema: psql -v ON_ERROR_STOP=1 -f FILE\n"
      "begin;\n\ncreate schema if not exists {};\nset local search_path to {}, pg_temp;\n\n{}",
      SCHEDCTL_VERSION, name, latest_version(), name, name, record_table);
  for (const auto& step : sql::migrations)
    script += fmt::format(
        "\n-- {}\n\n{}\ninsert into schema_migrations (version, name, checksum, binary_version)\n"
        "values ({}, '{}', '{}', '{}');\n",
        step.name, step.text, step.version, step.name, step.checksum, SCHEDCTL_VERSION);
  return script + "\n" + note_pieces_statement() + ";\n\ncommit;\n";
}

std::string roles_script(const std::string& schema) {
  const auto name = quoted(schema);
  constexpr std::string_view token = "SCHEMA";
  std::string grants = sql::db::roles.text;
  for (auto at = grants.find(token); at != std::string::npos;
       at = grants.find(token, at + name.size()))
    grants.replace(at, token.size(), name);
  return fmt::format(
      "-- schedctl {}: the roles of schema {}, and what each may do.\n"
      "-- Run as a superuser, after each migration: psql -v ON_ERROR_STOP=1 -f FILE\n"
      "-- Then let your users in: grant schedctl_worker to alice;\n"
      "begin;\nset local search_path to {}, pg_temp;\n\n{}\n\ncommit;\n",
      SCHEDCTL_VERSION, name, name, grants);
}

}  // namespace schedctl::db
