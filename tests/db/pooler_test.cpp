// What a real PgBouncer makes of our connections, and they of it.
#include "db/pooler.h"

#include <doctest/doctest.h>

#include <thread>

#include "db/migrate.h"
#include "support/database.h"
#include "support/pooler.h"
#include "support/server.h"
#include "util/error.h"

using namespace schedctl;

namespace {

constexpr db::Session sessions[] = {db::Session::control,   db::Session::claiming,
                                    db::Session::recording, db::Session::heartbeat,
                                    db::Session::handler,   db::Session::plain};

config::Database database_at(const std::string& url, bool pooled = true) {
  config::Database database;
  database.url = url;
  database.origin = "schedctl.toml:2";
  database.pooled = pooled;
  return database;
}

Error refusal(const config::Database& database) {
  try {
    const db::Connection connection(database);
  } catch (const Error& e) {
    return e;
  }
  return {ExitCode::ok, "connected"};
}

bool holds(const Error& e, const std::string& text) {
  return std::string(e.what()).find(text) != std::string::npos;
}

std::string in_transaction(db::Connection& connection, const std::string& sql) {
  db::Transaction tx(connection);
  const std::string answer = tx.exec_text(sql)[0][0].c_str();
  tx.commit();
  return answer;
}

std::string alone(db::Connection& connection, const std::string& sql) {
  db::Transaction tx(connection, db::autocommit);
  return tx.exec_text(sql)[0][0].c_str();
}

// What the session that the pooler gives us at the moment is like, without any settings of ours.
std::string bare(db::Connection& connection, const std::string& sql) {
  db::Transaction tx(connection, db::bare);
  const auto rows = tx.exec_text(sql);
  return rows.empty() || rows[0][0].is_null() ? "" : rows[0][0].c_str();
}

constexpr const char* own_settings =
    "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings "
    "where source = 'session' and name <> all "
    "('{application_name,client_encoding,transaction_isolation}')";
constexpr const char* leftovers =
    "select concat_ws(' ', (select count(*) from pg_prepared_statements), "
    "(select count(*) from pg_listening_channels()), "
    "(select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()))";

}  // namespace

TEST_SUITE("db::pooler") {
  TEST_CASE("what a pooler refuses has the exit code that the server would give it") {
    const auto means = [](const char* message) { return db::sqlstate_of_refusal(message); };
    CHECK(means("password authentication failed") == "28000");
    CHECK(means("\"trust\" authentication failed") == "28000");
    CHECK(means("no such user: x") == "28000");
    CHECK(means("role \"x\" does not exist") == "28000");
    CHECK(means("no such database: x") == "3D000");
    CHECK(means("database \"x\" does not exist") == "3D000");
    CHECK(means("unsupported startup parameter: options") == db::protocol_violation);
    CHECK(means("query_wait_timeout") == "08006");
    CHECK(means("no more connections allowed (max_client_conn)") == "08006");
  }
}

TEST_SUITE("db::pooler [db]") {
  TEST_CASE("a pooler that nobody declared is refused with the remedy, whatever its mode") {
    for (const std::string mode : {"transaction", "session"})
      for (const std::string settings : {"", "ignore_startup_parameters = options"}) {
        CAPTURE(mode);
        CAPTURE(settings);
        const test::Pooler pooler(test::server_url(), {.mode = mode, .settings = settings});

        const auto refused = refusal(database_at(pooler.url(), false));
        CAPTURE(std::string(refused.what()));
        CHECK(refused.code() == ExitCode::config);
        CHECK(holds(refused, "schedctl.toml:2"));
        CHECK(holds(refused, "set database.pooled = true"));

        CHECK(refusal(database_at(pooler.url())).code() == ExitCode::ok);
      }
  }

  TEST_CASE("every transaction has its settings, whoever had the session before") {
    const test::Pooler pooler(test::server_url(), {.size = 1, .session = "select 1"});
    const auto database = database_at(pooler.url());
    db::Connection ours(database, db::Session::claiming), other(database);
    const char* ask =
        "select concat_ws(' ', current_setting('search_path'), "
        "current_setting('statement_timeout'), current_setting('lock_timeout'), "
        "current_setting('TimeZone'), current_setting('enable_seqscan'), "
        "current_setting('transaction_isolation'), current_setting('extra_float_digits'))";
    const std::string settings = "schedctl, pg_temp 30s 5s UTC off read committed 1";
    for (const char* garbage : {"select 1", test::hostile_session}) {
      bare(other, std::string(garbage) + "; select 1");
      CHECK(in_transaction(ours, ask) == settings);
      CHECK(alone(ours, ask) == settings);
    }
    CHECK(bare(ours, ask) != settings);
  }

  TEST_CASE("what a connection is told ends with its transaction, for the next of another client") {
    const test::Pooler pooler(test::server_url(), {.size = 1});
    const auto database = database_at(pooler.url());
    db::Connection next(database);
    const auto before = bare(next, own_settings);
    REQUIRE(before.find("search_path=pg_temp") != std::string::npos);

    for (const auto session : sessions) {
      CAPTURE(static_cast<int>(session));
      db::Connection connection(database, session);
      alone(connection, "select 1");
      CHECK(bare(next, own_settings) == before);
      in_transaction(connection, "select 1");
      CHECK(bare(next, own_settings) == before);
      {
        db::Transaction tx(connection, db::autocommit);
        CHECK_THROWS_AS(tx.exec_text("select 1 / 0"), DatabaseError);
      }
      CHECK(bare(next, own_settings) == before);
      {
        db::Transaction tx(connection);
        CHECK_THROWS_AS(tx.exec_text("select 1 / 0"), DatabaseError);
      }
      CHECK(bare(next, own_settings) == before);
    }
  }

  TEST_CASE("nothing is prepared, however often it is used") {
    const test::Pooler pooler(test::server_url(), {.size = 2});
    db::Connection connection(database_at(pooler.url()));
    for (int i = 0; i < 4; ++i) {
      db::Transaction tx(connection, db::autocommit);
      tx.now();
    }
    for (int i = 0; i < 4; ++i) {
      db::Transaction tx(connection);
      tx.now();
      tx.now();
      tx.commit();
    }
    for (int i = 0; i < 2; ++i) CHECK(bare(connection, leftovers) == "0 0 0");
  }

  TEST_CASE("a statement alone costs one round trip with all its settings, BEGIN with them one") {
    const test::Pooler pooler(test::server_url());
    const int before = pooler.round_trips();
    {
      db::Connection connection(database_at(pooler.url()), db::Session::claiming);
      alone(connection, "select 1");
      in_transaction(connection, "select 1");
    }
    // To connect, alone; begin, select, commit.
    CHECK(pooler.round_trips() - before == 2 + 3);
  }

  TEST_CASE("what is alone is undone when it fails, and the next one starts anew") {
    const test::Pooler pooler(test::server_url(), {.size = 1});
    test::Database database;
    auto settings = database_at(pooler.url());
    settings.schema = database.schema();
    db::Connection connection(settings);
    db::Transaction tx(connection, db::autocommit);

    CHECK_THROWS_AS(tx.exec_text("insert into job_queue (job_type) select 'x' "
                                 "from generate_series(1, 2) i where 1 / (2 - i) >= 0"),
                    DatabaseError);
    tx.exec_text("insert into job_queue (job_type) values ($1)", {"y"});

    CHECK(database.value("select string_agg(job_type, ' ') from job_queue") == "y");
    CHECK_FALSE(connection.in_transaction());
  }

  TEST_CASE("a transaction that is not committed leaves nothing") {
    const test::Pooler pooler(test::server_url(), {.size = 1});
    test::Database database;
    auto settings = database_at(pooler.url());
    settings.schema = database.schema();
    db::Connection connection(settings);
    {
      db::Transaction tx(connection);
      tx.exec_text("insert into job_queue (job_type) values ('x')");
    }
    {
      db::Transaction tx(connection);
      tx.exec_text("insert into job_queue (job_type) values ('y')");
      tx.commit();
    }
    CHECK(database.value("select string_agg(job_type, ' ') from job_queue") == "y");
  }

  TEST_CASE("who, what and where are refused as by the server, and options with their remedy") {
    const test::Pooler pooler(test::server_url());
    const auto& url = pooler.url();
    const auto nobody = refusal(database_at(url + "&user=nobody_of_this_name"));
    CHECK(nobody.code() == ExitCode::permission);
    const auto nowhere = refusal(database_at(url + "&dbname=no_database_of_this_name"));
    CHECK(nowhere.code() == ExitCode::config);
    CHECK(holds(nowhere, "no_database_of_this_name"));
    const auto options = refusal(database_at(url + "&options=-c%20jit%3Doff"));
    CHECK(options.code() == ExitCode::config);
    CHECK(holds(options, "take \"options\" out of the URL"));
  }

  TEST_CASE("a server that is gone behind its pooler, a pooler that is full: try again later") {
    {
      const test::Pooler pooler("postgresql:///x?host=/nowhere&user=schedctl");
      auto database = database_at(pooler.url());
      database.connect_timeout = std::chrono::milliseconds(500);
      CHECK(refusal(database).code() == ExitCode::temporary);
    }
    const test::Pooler pooler(test::server_url(), {.settings = "max_client_conn = 1"});
    auto database = database_at(pooler.url());
    const db::Connection first(database);
    database.connect_timeout = std::chrono::milliseconds(200);
    const auto full = refusal(database);
    CHECK(full.code() == ExitCode::temporary);
    CHECK(holds(full, "max_client_conn"));
  }

  TEST_CASE("a server that may not be written is known behind its pooler") {
    const test::Pooler pooler(test::server_url(),
                              {.session = "set default_transaction_read_only = on"});
    const db::Connection connection(database_at(pooler.url()));
    CHECK(connection.read_only());
    CHECK_FALSE(connection.in_recovery());
  }

  TEST_CASE("a cancel finds the statement through the pooler") {
    const test::Pooler pooler(test::server_url(), {.session = "select 1"});
    db::Connection connection(database_at(pooler.url()));
    test::Database database;
    std::jthread canceller([&] {
      test::wait_until(
          [&] {
            return database.value(
                       "select count(*) from pg_stat_activity where wait_event = 'PgSleep' "
                       "and query like '%four-score%' and pid <> pg_backend_pid()") == "1";
          },
          "the statement");
      connection.cancel();
    });
    db::Transaction tx(connection);
    try {
      tx.exec_text("select pg_sleep(20) /* four-score */");
      FAIL("slept");
    } catch (const DatabaseError& e) {
      CHECK(e.sqlstate() == "57014");
    }
  }

  TEST_CASE("what a pooler says when it ends a connection is handed on") {
    const test::Pooler pooler(test::server_url(),
                              {.size = 1, .settings = "query_wait_timeout = 1"});
    const auto database = database_at(pooler.url());
    db::Connection busy(database), waiting(database);
    db::Transaction tx(busy);
    tx.exec_text("select 1");
    try {
      alone(waiting, "select 1");
      FAIL("there was a second session");
    } catch (const DatabaseError& e) {
      CHECK(e.connection_lost());
      CHECK(e.code() == ExitCode::temporary);
      CAPTURE(std::string(e.what()));
      CHECK(holds(e, "query_wait_timeout"));
    }
    CHECK_FALSE(waiting.is_open());
  }
}
