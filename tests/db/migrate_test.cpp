#include "db/migrate.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "db/transaction.h"
#include "sql/migrations.h"
#include "support/database.h"
#include "support/pooler.h"
#include "support/process.h"
#include "util/error.h"

using namespace schedctl;
using namespace std::chrono_literals;

namespace {

constexpr auto nothing = test::Database::Content::nothing;

// `schedctl migrate` in a process of its own, told by a file which schema is meant.
class Command {
 public:
  explicit Command(const test::Database& database)
      : file_(folder_.write("schedctl.toml", database.toml())) {}
  test::Process begin(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), {test::binary(), "--config", file_, "migrate"});
    return test::start(arguments);
  }
  test::ProcessResult run(const std::vector<std::string>& arguments = {}) const {
    return begin(arguments).wait();
  }
  const test::TempDir& folder() const { return folder_; }

 private:
  test::TempDir folder_;
  std::string file_;
};

void quietly(const db::Migration&) {}

std::string message_of(const std::function<void()>& act, ExitCode code) {
  try {
    act();
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  FAIL("nothing was thrown");
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string waiting_sessions(test::Database& database) {
  return database.value(
      "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = "
      "(hashtextextended('schedctl.migrate ' || $1, 0) & 4294967295)::oid",
      {database.schema()});
}

int recorded_steps(test::Database& database) {
  auto connection = database.connect(db::Session::plain);
  return db::installed_version(connection);
}

void hold_lock(db::Transaction& tx, const std::string& schema) {
  tx.exec_text("select pg_advisory_xact_lock(hashtextextended('schedctl.migrate ' || $1, 0))",
               {schema});
}

constexpr int last = std::rbegin(sql::migrations)->version;

}  // namespace

TEST_SUITE("db::migrate [db]") {
  TEST_CASE("a new schema gets every step once, and a second run has nothing to do") {
    test::Database database(nothing);
    const Command migrate(database);

    const auto first = migrate.run(), second = migrate.run();

    CHECK_MESSAGE(first.exit_code == 0, first.err);
    for (const auto& step : sql::migrations)
      CHECK(contains(first.out, fmt::format("applied {}\n", step.name)));
    CHECK(second.exit_code == 0);
    CHECK(second.out ==
          fmt::format("schema {} is at version {}, nothing to do\n", database.schema(), last));
    CHECK(
        database.value("select count(*) from schema_migrations where applied_by = session_user and "
                       "binary_version = $1",
                       {SCHEDCTL_VERSION}) == std::to_string(std::size(sql::migrations)));
    CHECK(database.value("select to_regclass('job_queue')") == "job_queue");
  }

  TEST_CASE("twenty migrations at once all succeed, and each step happens once") {
    test::Database database(nothing);
    const Command migrate(database);
    std::vector<test::Process> all;
    for (int i = 0; i < 20; ++i) all.push_back(migrate.begin());

    std::size_t applied = 0;
    for (auto& one : all) {
      const auto end = one.wait();
      CHECK_MESSAGE(end.exit_code == 0, end.err);
      for (const auto& step : sql::migrations)
        if (contains(end.out, fmt::format("applied {}\n", step.name))) ++applied;
    }

    CHECK(applied == std::size(sql::migrations));
    CHECK(recorded_steps(database) == last);
  }

  TEST_CASE("twenty migrations at once from one version behind all succeed") {
    test::Database database(nothing);
    struct Enough {};
    auto connection = database.connect(db::Session::plain);
    REQUIRE_THROWS_AS(db::migrate(connection,
                                  [](const db::Migration& step) {
                                    if (step.version == last - 1) throw Enough();
                                  }),
                      Enough);
    const Command migrate(database);
    std::vector<test::Process> all;
    for (int i = 0; i < 20; ++i) all.push_back(migrate.begin());

    for (auto& one : all) {
      const auto end = one.wait();
      CHECK_MESSAGE(end.exit_code == 0, end.err);
    }

    CHECK(recorded_steps(database) == last);
  }

  TEST_CASE("a migration killed while it waits for its turn has changed nothing") {
    test::Database database(nothing);
    const Command migrate(database);
    auto other = database.connect(db::Session::plain);
    {
      db::Transaction tx(other);
      hold_lock(tx, database.schema());
      auto killed = migrate.begin();
      test::wait_until([&] { return waiting_sessions(database) == "1"; }, "the migration to wait");
      killed.kill(SIGKILL);
      killed.wait();
    }

    CHECK(database.value("select to_regnamespace($1)", {database.schema()}) == "");
    CHECK(migrate.run().exit_code == 0);
    CHECK(recorded_steps(database) == last);
  }

  TEST_CASE("a migration killed in the middle of a step leaves the version before it, whole") {
    for (const auto& step : sql::migrations) {
      if (step.version == 1) continue;
      CAPTURE(step.name);
      test::Database database(nothing);
      const Command migrate(database);
      auto other = database.connect(db::Session::plain);
      // Stopped at the very end of the step, when its record is written, by a trigger that waits
      // for a lock.
      database.query("create schema " + database.schema());
      database.query(
          "create table schema_migrations (version integer primary key, name text not null, "
          "checksum text not null, "
          "applied_at timestamptz not null default now(), applied_by text not null default "
          "session_user, "
          "binary_version text not null)");
      database.query(
          fmt::format("create function wait_here() returns trigger language plpgsql as "
                      "'begin if new.version = {} then perform "
                      "pg_advisory_xact_lock(hashtext(tg_table_schema)); end if; "
                      "return new; end'",
                      step.version));
      database.query(
          "create trigger wait_here before insert on schema_migrations "
          "for each row execute function wait_here()");
      {
        db::Transaction tx(other);
        tx.exec_text("select pg_advisory_xact_lock(hashtext($1))", {database.schema()});
        auto killed = migrate.begin();
        test::wait_until(
            [&] {
              return database.value(
                         "select count(*) from pg_locks where locktype = 'advisory' and not "
                         "granted "
                         "and objid = (hashtext($1)::bigint & 4294967295)::oid",
                         {database.schema()}) == "1";
            },
            "the step to be in its middle");
        killed.kill(SIGKILL);
        killed.wait();
      }
      test::wait_until(
          [&] {
            return database.value(
                       "select count(*) from pg_stat_activity where query like $1 and pid <> "
                       "pg_backend_pid() and state <> 'idle'",
                       {"insert into \"" + database.schema() + "\"%"}) == "0";
          },
          "the server to notice");

      CHECK(recorded_steps(database) == step.version - 1);
      database.query("drop trigger wait_here on schema_migrations");
      const auto next = migrate.run();
      CHECK_MESSAGE(next.exit_code == 0, next.err);
      CHECK(recorded_steps(database) == last);
    }
  }

  TEST_CASE("who waits too long for another migration is told to come back later") {
    test::Database database(nothing);
    auto other = database.connect(db::Session::plain),
         connection = database.connect(db::Session::plain);
    db::Transaction tx(other);
    hold_lock(tx, database.schema());

    const auto message =
        message_of([&] { db::migrate(connection, quietly, 50ms); }, ExitCode::temporary);

    CHECK(contains(message, database.schema()));
    CHECK(contains(message, "try again later"));
  }

  TEST_CASE("a step whose content has changed since it was applied is refused by name") {
    test::Database database;
    const Command migrate(database);
    database.query("update schema_migrations set checksum = 'other' where version = 1");

    const auto refused = migrate.run(), status = migrate.run({"--status"});

    CHECK(refused.exit_code == 78);
    CHECK(contains(refused.err, sql::migrations[0].name));
    CHECK(status.exit_code == 78);
  }

  TEST_CASE("a schema from the future is refused and left alone") {
    test::Database database;
    const Command migrate(database);
    database.query(
        "insert into schema_migrations (version, name, checksum, binary_version) "
        "values (999, '0999_future', 'x', '9.9')");

    const auto refused = migrate.run(), status = migrate.run({"--status"});

    CHECK(refused.exit_code == 78);
    CHECK(contains(refused.err, "install the newer schedctl"));
    CHECK(status.exit_code == 1);
    CHECK(contains(status.out, "0999_future"));
    CHECK(recorded_steps(database) == 999);
  }

  TEST_CASE("the installed version of a missing schema or of one without tables is 0") {
    test::Database database(nothing);

    CHECK(recorded_steps(database) == 0);
    database.query("create schema " + database.schema());
    CHECK(recorded_steps(database) == 0);
  }

  TEST_CASE("the installed version explains a statement that has just failed") {
    test::Database database(nothing);
    auto connection = database.connect();
    {
      db::Transaction tx(connection);
      CHECK_THROWS_AS(tx.exec_text("select * from job_queue"), DatabaseError);
    }
    CHECK(db::installed_version(connection) == 0);
  }

  TEST_CASE("status lists every step and tells by its exit code whether some are pending") {
    test::Database database(nothing);
    const Command migrate(database);

    const auto before = migrate.run({"--status"});
    REQUIRE(migrate.run().exit_code == 0);
    const auto after = migrate.run({"--status", "--json"});

    CHECK(before.exit_code == 1);
    CHECK(contains(before.out, "pending"));
    CHECK(after.exit_code == 0);
    const auto json = nlohmann::json::parse(after.out);
    CHECK(json["current"] == true);
    CHECK(json["migrations"].size() == std::size(sql::migrations));
    CHECK(json["migrations"][0]["state"] == "applied");
    CHECK(json["migrations"][0]["applied_by"] == database.value("select session_user"));
  }

  TEST_CASE("with --json a migration says in one object what it did") {
    test::Database database(nothing);
    const Command migrate(database);

    const auto first = nlohmann::json::parse(migrate.run({"--json"}).out);
    const auto second = nlohmann::json::parse(migrate.run({"--json"}).out);

    CHECK(first["version"] == last);
    CHECK(first["applied"].size() == std::size(sql::migrations));
    CHECK(second["applied"].empty());
  }

  TEST_CASE("a server that may not be written is left alone") {
    if (test::needs_session("it is made by start-up options")) return;
    test::Database database(nothing);
    auto config = database.config();
    config.url += "&options=-c%20default_transaction_read_only%3Don";
    db::Connection connection(config, db::Session::plain);

    const auto message = message_of([&] { db::migrate(connection, quietly); }, ExitCode::temporary);

    CHECK(contains(message, "read-only"));
  }

  TEST_CASE("short time limits of the role do not cut a migration off") {
    if (test::needs_session("it is made by start-up options")) return;
    test::Database database(nothing);
    auto config = database.config();
    config.url += "&options=-c%20statement_timeout%3D1%20-c%20lock_timeout%3D1";
    db::Connection connection(config, db::Session::plain);

    CHECK_NOTHROW(db::migrate(connection, quietly));
  }

  TEST_CASE("any name that PostgreSQL can hold is a schema, and nothing in it is taken for SQL") {
    for (const std::string name : {"Größe \"x\"; drop", "with space", "select"}) {
      CAPTURE(name);
      test::Database database(nothing);
      auto config = database.config();
      config.schema = name + database.schema();
      db::Connection connection(config, db::Session::plain);

      db::migrate(connection, quietly);

      CHECK(db::installed_version(connection) == last);
      CHECK(db::migration_states(connection).size() == std::size(sql::migrations));
      db::Transaction tx(connection);
      tx.exec_text("select set_config('test.schema', $1, true)", {config.schema});
      tx.exec_text(
          "do $$ begin execute format('drop schema %I cascade', current_setting('test.schema')); "
          "end $$");
      tx.commit();
    }
  }

  TEST_CASE("the checksum of a step is the SHA-256 that PostgreSQL works out") {
    test::Database database(nothing);
    for (const auto& step : sql::migrations)
      CHECK(database.value("select encode(sha256(convert_to($1, 'UTF8')), 'hex')", {step.text}) ==
            step.checksum);
  }

  TEST_CASE("the printed script makes what migrate makes, and migrate accepts it") {
    test::Database database(nothing);
    const Command migrate(database);
    const auto script = migrate.run({"--print"});
    REQUIRE(script.exit_code == 0);

    auto connection = database.connect(db::Session::plain);
    {
      db::Transaction tx(connection, db::autocommit);
      tx.exec_text(script.out);
    }

    CHECK(migrate.run().out ==
          fmt::format("schema {} is at version {}, nothing to do\n", database.schema(), last));
  }
}

TEST_SUITE("db::migrate") {
  TEST_CASE("a schema that does not fit is refused with the command that mends it") {
    const auto message = [](int found) {
      return message_of([&] { db::check_version(found, "app"); }, ExitCode::config);
    };

    CHECK_NOTHROW(db::check_version(last, "app"));
    CHECK(message(0) == "schema \"app\" has no schedctl tables: run \"schedctl migrate\"");
    CHECK(message(last + 1) == fmt::format("schema \"app\" is at version {}, this schedctl knows "
                                           "only {}: install the newer schedctl",
                                           last + 1, last));
    if (last > 1)
      CHECK(message(1) ==
            fmt::format(
                "schema \"app\" is at version 1, this schedctl needs {}: run \"schedctl migrate\"",
                last));
  }

  TEST_CASE("a name that PostgreSQL cannot hold or keeps for itself is refused") {
    for (const auto& name : std::vector<std::string>{
             "", "pg_mine", "$user", "a\nb", "a\x1b[31m", "\xff", std::string("nul\0x", 5),
             "12345678901234567890123456789012345678901234567890123456789012345"}) {
      CAPTURE(name);
      CHECK_THROWS_AS(db::migration_script(name), ConfigError);
    }
  }

  TEST_CASE("steps are numbered from 1 without gaps") {
    int expected = 0;
    for (const auto& step : sql::migrations) {
      CHECK(step.version == ++expected);
      CHECK(std::string(step.name).starts_with(fmt::format("{:04}_", step.version)));
    }
  }
}
