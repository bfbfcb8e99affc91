#include "db/connection.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "db/conninfo.h"
#include "support/config_folder.h"
#include "support/database.h"
#include "support/pooler.h"
#include "support/process.h"
#include "util/error.h"

using namespace schedctl;

namespace {

config::Database database_at(const std::string& url) {
  config::Database database;
  database.url = url;
  database.origin = "schedctl.toml:2";
  return database;
}

std::string keyword(const db::Keywords& keywords, const std::string& name) {
  std::string found;
  for (const auto& [key, value] : keywords)
    if (key == name) found = value;
  return found;
}

// What one attempt for this URL says about `name`, the environment being silent.
std::string told(const std::string& url, const std::string& name,
                 db::Session session = db::Session::control) {
  const test::VariableScope mode("PGSSLMODE", {}), host("PGHOST", {}), options("PGOPTIONS", {});
  return keyword(db::attempts(database_at(url), session).at(0), name);
}

std::string refused(const std::string& url) {
  try {
    db::check_url(url, "schedctl.toml:2");
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

}  // namespace

TEST_SUITE("db::conninfo") {
  TEST_CASE("beyond loopback the server must show a certificate that is trusted") {
    for (const auto* url :
         {"postgresql://db.example.com/x", "postgresql://192.0.2.7/x", "host=db dbname=x",
          "hostaddr=192.0.2.7", "postgresql://[2001:db8::1]/x"})
      CHECK_MESSAGE(told(url, "sslmode") == "verify-full", url);
    CHECK(told("postgresql://db/x", "sslrootcert") == "/etc/ssl/certs/ca-certificates.crt");
  }

  TEST_CASE("on this machine it need not") {
    for (const auto* url : {"postgresql://localhost/x", "postgresql://127.0.0.1/x",
                            "postgresql://[::1]/x", "host=/run/postgresql", "dbname=x"})
      CHECK_MESSAGE(told(url, "sslmode") == "", url);
  }

  TEST_CASE("the user's own choice of sslmode stands") {
    CHECK(told("postgresql://db/x?sslmode=require", "sslmode") == "require");
    const test::VariableScope mode("PGSSLMODE", "disable");
    CHECK(keyword(db::attempts(database_at("postgresql://db/x"), db::Session::control).at(0),
                  "sslmode") == "");
  }

  TEST_CASE("several hosts are tried one by one, for one that takes writes") {
    const auto all =
        db::attempts(database_at("postgresql://a:1,localhost:2/x"), db::Session::control);

    REQUIRE(all.size() == 2);
    CHECK(keyword(all[0], "host") == "a");
    CHECK(keyword(all[0], "port") == "1");
    CHECK(keyword(all[0], "sslmode") == "verify-full");
    CHECK(keyword(all[1], "host") == "localhost");
    CHECK(keyword(all[1], "port") == "2");
    CHECK(keyword(all[1], "sslmode") == "");
    for (const auto& one : all) CHECK(keyword(one, "target_session_attrs") == "read-write");
    CHECK(db::place(all[1]) == "localhost:2");
  }

  TEST_CASE("a parameter that PostgreSQL does not have is named with its place") {
    CHECK(refused("postgresql://db/x?sslmod=require") ==
          "schedctl.toml:2: \"sslmod\" is not a parameter of PostgreSQL: did you mean "
          "\"sslmode\"?");
    CHECK(refused("postgresql://db/x?schema=jobs") ==
          "schedctl.toml:2: \"schema\" is not a parameter of PostgreSQL: remove it from the URL "
          "and set database.schema");
    CHECK(refused("host=db pasword=x").find("\"pasword\"") != std::string::npos);
    CHECK(refused("postgresql://db/x?connect_timeout=3") == "");
  }

  TEST_CASE("the user's options come before those that the statements rely on") {
    const auto options = told("postgresql://db/x?options=-c%20work_mem%3D64MB", "options");

    CHECK(options.starts_with("-c work_mem=64MB -c "));
    CHECK(options.find("-c TimeZone=UTC") != std::string::npos);
  }

  TEST_CASE("a handler's statement gets the role's own search_path and limits") {
    const auto options = told("postgresql://db/x", "options", db::Session::handler);

    CHECK(options.find("search_path") == std::string::npos);
    CHECK(options.find("statement_timeout") == std::string::npos);
  }
}

TEST_SUITE("db::connection [db]") {
  TEST_CASE("a session that the server ended is never replaced behind its owner's back") {
    if (test::needs_session("replacing them is what a pooler is for")) return;
    test::Database database;
    auto connection = database.connect();
    database.query("select pg_terminate_backend($1, 10000)", {connection.backend_pid()});

    for (int i = 0; i < 3; ++i) {
      try {
        db::Transaction tx(connection);
        tx.exec_text("select 1");
        FAIL("reconnected");
      } catch (const DatabaseError& error) {
        CHECK(error.connection_lost());
        CHECK(error.code() == ExitCode::temporary);
      }
    }
    CHECK_FALSE(connection.is_open());
  }

  TEST_CASE("nor is one whose transaction was under way") {
    test::Database database;
    auto connection = database.connect();
    db::Transaction tx(connection);
    tx.exec_text("create table effects ()");
    const int process = tx.exec_text("select pg_backend_pid()")[0][0].as<int>();
    database.query("select pg_terminate_backend($1, 10000)", {process});

    CHECK_THROWS_AS(tx.exec_text("select 1"), DatabaseError);
    CHECK_THROWS(tx.commit());
    CHECK(database.value("select to_regclass('effects')") == "");
  }

  TEST_CASE("a session that we broke ourselves fails at once") {
    test::Database database;
    auto connection = database.connect();
    connection.sever();

    CHECK_THROWS_AS(
        [&] {
          db::Transaction tx(connection, db::autocommit);
          tx.exec_text("select 1");
        }(),
        DatabaseError);
  }

  TEST_CASE("sessions speak UTC and ISO dates, whatever the role is set to") {
    test::Database database;
    auto connection = database.connect();
    db::Transaction tx(connection);

    CHECK(tx.exec_text("show timezone")[0][0].c_str() == std::string("UTC"));
    CHECK(std::string(tx.exec_text("show datestyle")[0][0].c_str()).starts_with("ISO"));
  }

  TEST_CASE("a database that is not there is a matter of configuration") {
    test::Database database;
    auto settings = database.config();
    settings.url = test::server_url();
    const auto name = settings.url.find('?');
    const auto slash = settings.url.rfind('/', name == std::string::npos ? name : name - 1);
    REQUIRE(slash != std::string::npos);
    settings.url.replace(slash + 1, name == std::string::npos ? name : name - slash - 1,
                         "no_database_of_this_name");

    try {
      db::Connection connection(settings);
      FAIL("connected");
    } catch (const DatabaseError& error) {
      CHECK(error.code() == ExitCode::config);
      CHECK(std::string(error.what()).find("no_database_of_this_name") != std::string::npos);
    }
  }

  TEST_CASE("a server that does not answer is worth another try later") {
    auto settings = database_at("postgresql://127.0.0.1:1/x");
    settings.connect_timeout = std::chrono::milliseconds(100);

    try {
      db::Connection connection(settings);
      FAIL("connected");
    } catch (const DatabaseError& error) {
      CHECK(error.code() == ExitCode::temporary);
      CHECK(std::string(error.what()).find("127.0.0.1:1") != std::string::npos);
      CHECK(std::string(error.what()).find("schedctl.toml:2") != std::string::npos);
    }
  }

  TEST_CASE("a missing right is exit 77 and keeps its SQLSTATE") {
    test::Database database;
    auto connection = database.connect();
    db::Transaction tx(connection, db::autocommit);

    try {
      tx.exec_text("select rolpassword from pg_authid");
      FAIL("allowed");
    } catch (const DatabaseError& error) {
      CHECK(error.code() == ExitCode::permission);
      CHECK(error.sqlstate() == "42501");
    }
  }
}
