// Migrate: brings a schema to the newest version, step by step, each step in one transaction; and
// says whether this program and a schema fit together. Steps are src/db/migrations/NNNN_name.sql,
// never edited once released.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "db/connection.h"
#include "db/statement.h"
#include "util/clock.h"

namespace schedctl::db {

// The version that this program needs.
int latest_version();

// Throws ConfigError, whose message says what to do, unless `found` is latest_version(). 0: no
// tables there.
void check_version(int found, const std::string& schema);

// The version of database.schema; 0 when the schema or its tables are missing. Needs no open
// transaction on the connection, so it also explains why a statement has failed. Throws
// DatabaseError.
int installed_version(Connection& connection);

// Makes the schema if need be and applies what is missing; `applied` is called after each step's
// commit. Any number of callers at once: each step happens once. The connection is a Session::plain
// one. Throws ConfigError for a schema that is newer than this program or whose steps were changed;
// DatabaseError 75 on a standby or read-only server, or when somebody else holds the lock for
// longer than `patience`.
void migrate(Connection& connection, const std::function<void(const Migration&)>& applied,
             Duration patience = std::chrono::seconds(60));

struct MigrationState {
  int version = 0;
  std::string name;
  std::optional<Time> applied_at;  // null: pending
  std::string applied_by;
  std::string binary_version;  // of the schedctl that applied it
};
// Every step known here or recorded there, by version. Throws as migrate() for changed steps.
std::vector<MigrationState> migration_states(Connection& connection);

// The same work as one script for psql, for those who let nobody but themselves change a schema.
std::string migration_script(const std::string& schema);

// SQL that makes the roles of an installation and grants each what it needs, for psql.
std::string roles_script(const std::string& schema);

}  // namespace schedctl::db
