#include "support/database.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "db/migrate.h"
#include "support/pooler.h"
#include "support/process.h"

namespace schedctl::test {
namespace {

std::string start_server() {
  const auto started = run({binary(), "db", "start", "--json"},
                           {.env = {"SCHEDCTL_DATA_DIR=" SCHEDCTL_TEST_SERVER}});
  REQUIRE_MESSAGE(started.exit_code == 0, started.err);
  return nlohmann::json::parse(started.out).at("url");
}

std::string random_name() {
  std::random_device source;
  return fmt::format("t_{:08x}{:08x}", source(), source());
}

config::Database config_of(const std::string& schema) {
  config::Database database;
  database.url = server_url();
  database.origin = "test";
  database.schema = schema;
  return database;
}

}  // namespace

std::string server_url() {
  static const std::string url = [] {
    const char* given = std::getenv("SCHEDCTL_TEST_DATABASE_URL");
    return given && *given ? std::string(given) : start_server();
  }();
  return url;
}

Database::Database(Content content)
    : schema_(random_name()), connection_(config_of(schema_), db::Session::control) {
  if (content == Content::nothing) return;
  auto owner = connect(db::Session::plain);
  db::migrate(owner, [](const db::Migration&) {});
}

Database::~Database() {
  if (std::getenv("KEEP_DB")) {
    fmt::print(stderr, "kept: psql '{}' -c 'set search_path to {}'\n", server_url(), schema_);
    return;
  }
  try {
    auto owner = connect_directly(db::Session::plain);
    db::Transaction tx(owner);
    tx.exec_text(
        "set local client_min_messages = error; set local lock_timeout = '10s'; drop schema if "
        "exists " +
        schema_ + " cascade");
    tx.commit();
  } catch (const std::exception& e) {
    fmt::print(stderr, "schema {} is left behind: {}\n", schema_, e.what());
  }
}

std::string Database::url() const { return pooled() ? shared_pooler().url() : server_url(); }

config::Database Database::config() const {
  auto database = config_of(schema_);
  database.url = url();
  database.pooled = pooled();
  return database;
}

db::Connection Database::connect(db::Session session) const {
  return db::Connection(config(), session);
}

db::Connection Database::connect_directly(db::Session session) const {
  return db::Connection(config_of(schema_), session);
}

db::Result Database::query(const std::string& sql, const std::vector<db::Param>& params) {
  db::Transaction tx(connection_);
  auto result = tx.exec_text(sql, params);
  tx.commit();
  return result;
}

std::string Database::value(const std::string& sql, const std::vector<db::Param>& params) {
  const auto rows = query(sql, params);
  return rows.empty() || rows[0][0].is_null() ? "" : rows[0][0].c_str();
}

job::JobId Database::insert_pending(const std::string& type, Time scheduled_for,
                                    const std::string& payload) {
  return query(
             "insert into job_queue (job_type, scheduled_for, payload) "
             "values ($1, $2, $3) returning id",
             {type, scheduled_for, payload})[0][0]
      .as<job::JobId>();
}

std::string Database::toml() const {
  return fmt::format("[database]\nurl = \"{}\"\nschema = \"{}\"\n{}", url(), schema_,
                     pooled() ? "pooled = true\n" : "");
}

}  // namespace schedctl::test
