// What is wrong around a run: the database, the files, the command line.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "db/migrate.h"
#include "db/transaction.h"
#include "support/host.h"
#include "support/pooler.h"
#include "support/server.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

void check_untouched(Host& host) {
  CHECK(host.count("hosts") == 0);
  CHECK(host.count("workers") == 0);
  CHECK(host.count("job_executions") == 0);
}

void use_database(Host& host, const std::string& url, bool by_pooler = false) {
  host.replace_config(fmt::format("[database]\nurl = \"{}\"\nschema = \"{}\"\npooled = {}\n", url,
                                  host.database.schema(), by_pooler));
}

std::string row_counts(Host& host) {
  std::string all;
  for (const auto& row : host.database.query(
           "select table_name::text from information_schema.tables "
           "where table_schema = current_schema() and table_type = 'BASE TABLE' order by 1"))
    all += fmt::format("{} {}\n", row[0].c_str(), host.count(row[0].c_str()));
  return all;
}

}  // namespace

TEST_SUITE("e2e::input [db]") {
  TEST_CASE("a database that is down is a matter for the next run") {
    Host host;
    use_database(host, "postgresql://someone@127.0.0.1:1/somewhere");
    check_refused(host.process(), 75, "127.0.0.1");
    check_refused(host.run({"enqueue", "noop"}), 75, "127.0.0.1");
  }

  TEST_CASE("a database that does not exist is a matter of configuration") {
    Host host;
    const auto url = host.database.url();
    use_database(host, url + (url.find('?') == std::string::npos ? "?" : "&") + "dbname=nowhere",
                 pooled());
    check_refused(host.process(), 78, "nowhere");
  }

  TEST_CASE("a schema that is not there names the command that makes it") {
    Host host("", Database::Content::nothing);
    check_refused(host.process(), 78, "schedctl migrate");
    check_refused(host.run({"enqueue", "noop"}), 78, "schedctl migrate");
    CHECK(host.database.value("select to_regnamespace($1)::text", {host.database.schema()}) == "");

    CHECK(host.run({"migrate"}).exit_code == 0);
    host.enqueue("noop");
    host.tick();
    CHECK(host.count("job_executions") == 1);
  }

  TEST_CASE("a schema of a newer schedctl is left alone") {
    Host host;
    host.enqueue("noop");
    host.database.query(
        "insert into schema_migrations select (json_populate_record(m, '{\"version\": 9999}')).* "
        "from schema_migrations m order by version desc limit 1");
    check_refused(host.process(), 78, "9999");
    check_untouched(host);
    check_refused(host.run({"migrate"}), 78, "9999");
  }

  TEST_CASE("a wrong password, a standby and a read-only server each have their exit code") {
    Host host;
    const Server primary;
    use_database(host, primary.url());
    const auto migrated = host.run({"migrate"});
    REQUIRE_MESSAGE(migrated.exit_code == 0, migrated.err);
    REQUIRE(host.run({"enqueue", "noop"}).exit_code == 0);

    use_database(host, primary.url("wrong"));
    const auto refused = host.process();
    check_refused(refused, 77, "password");
    CHECK(refused.err.find("wrong") == std::string::npos);

    {
      const auto standby = primary.standby();
      use_database(host, standby->url());
      host.tick();
      check_refused(host.run({"enqueue", "noop"}), 75, "read-only");
    }

    use_database(host, primary.url());
    primary.query("alter database postgres set default_transaction_read_only = on");
    check_refused(host.process(), 75, "read-only");
    primary.query("alter database postgres reset default_transaction_read_only");
    host.tick();
    CHECK(host.run({"history"}).out.find("completed") != std::string::npos);
  }

  TEST_CASE("a lock file that is a symbolic link or a folder is refused, not followed") {
    Host host;
    host.enqueue("noop");
    const auto victim = host.folder.write("victim", "precious");
    const auto link = host.folder / "link", folder = host.folder / "folder";
    std::filesystem::create_symlink(victim, link);
    std::filesystem::create_directory(folder);

    check_refused(host.process({"--lock-file", link}), 77, link);
    check_refused(host.process({"--lock-file", folder}), 73, folder);

    CHECK(host.read("victim") == "precious");
    check_untouched(host);
  }

  TEST_CASE("a job that nobody here can handle is refused when it is handed in") {
    Host host;
    check_refused(host.run({"enqueue", "nop"}), 65, "\"noop\"");
    check_refused(host.run({"enqueue", "noop", "--payload", "[1]"}), 65, "object");
    check_refused(host.run({"enqueue", "noop", "--payload", "{\"a\":"}), 65, "");
    CHECK(host.count("job_queue") == 0);
  }

  TEST_CASE("a run needs no standard output, and an id that cannot be printed is an error") {
    Host host;
    const auto job = host.enqueue("noop");
    ProcessOptions options;
    options.env = host.env;
    const auto run_closed = [&](const std::string& arguments) {
      return test::run({"sh", "-c", binary() + " " + arguments + " <&- >&-"}, options);
    };

    const auto tick = run_closed("process");
    CHECK(tick.exit_code == 0);
    CHECK(tick.err == "");
    CHECK(host.status(job) == "completed");
    check_refused(run_closed("status"), 73, "standard output");
    check_refused(test::run({"sh", "-c", binary() + " status >/dev/full"}, options), 73,
                  "standard output");
  }

  TEST_CASE("a row that somebody else has locked is passed over, the others are done") {
    Host host;
    const auto locked = host.enqueue("noop");
    host.enqueue_many("noop", 20);
    {
      auto other = host.database.connect();
      db::Transaction held(other);
      held.exec_text("select from job_queue where id = $1 for update", {locked});
      const auto began = std::chrono::steady_clock::now();
      host.tick();
      CHECK((std::chrono::steady_clock::now() - began) / 1ms < 3000);
      CHECK(host.count("job_executions where status = 'completed'") == 20);
    }
    CHECK(host.status(locked) == "pending");
    host.tick();
    CHECK(host.status(locked) == "completed");
  }

  TEST_CASE("a table that somebody else has locked costs a run its patience, not its life") {
    Host host;
    const auto job = host.enqueue("noop");
    {
      auto other = host.database.connect();
      db::Transaction held(other);
      held.exec_text("lock table job_queue in access exclusive mode");
      const auto began = std::chrono::steady_clock::now();
      check_refused(host.process(), 75, "lock");
      CHECK((std::chrono::steady_clock::now() - began) / 1ms < 15'000);
    }
    CHECK(host.status(job) == "pending");
    CHECK(host.count("workers") == 0);
    host.tick();
    CHECK(host.status(job) == "completed");
  }

  TEST_CASE("schedctl test says that all is well and leaves nothing behind") {
    Host host;
    host.handler("greet", "exit 0");
    host.enqueue("noop");
    const auto before = row_counts(host);

    const auto well = host.run({"test"});

    CAPTURE(well.out);
    CHECK(well.exit_code == 0);
    CHECK(well.err == "");
    CHECK(well.out.find("round trip") != std::string::npos);
    CHECK(well.out.find("FAIL") == std::string::npos);
    CHECK(row_counts(host) == before);
  }

  TEST_CASE("schedctl test fails when the database is dead, and says so") {
    Host host;
    use_database(host, "postgresql://someone@127.0.0.1:1/somewhere");
    const auto ill = host.run({"test"});
    CHECK(ill.exit_code == 1);
    CHECK(ill.out.find("FAIL") != std::string::npos);
    CHECK(ill.out.find("127.0.0.1") != std::string::npos);
  }

  TEST_CASE("an error with stderr closed still ends with its exit code") {
    const std::string closed = "exec \"$0\" statsu 2>&-";

    const auto end = run({"/bin/sh", "-c", closed, SCHEDCTL_BINARY});

    CHECK(end.exit_code == 64);
    CHECK(end.signal == 0);
  }
}
