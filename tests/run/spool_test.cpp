#include "run/spool.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "queue/rescue.h"
#include "support/claims.h"
#include "support/process.h"
#include "support/quiet_log.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::ended;

namespace {

struct Fixture {
  Fixture() {
    config.process.lock_file = folder / "lock";
    config.handlers["x"].retry.max_retries = 1;
  }

  run::Spool spool(const std::string& installation = "here") { return {config, installation}; }
  std::vector<std::filesystem::path> files() {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::exists(spool_folder))
      for (const auto& entry : std::filesystem::directory_iterator(spool_folder))
        files.push_back(entry.path());
    return files;
  }
  std::string history() {
    return database.value(
        "select concat_ws(' ', status, exit_code, worker, started_at = $1, metadata) from "
        "job_executions",
        {test::noon});
  }

  test::QuietLog quiet;
  test::Database database;
  test::TempDir folder;
  std::string spool_folder = folder / "lock.spool";
  config::Config config;
  db::Connection connection = database.connect(db::Session::claiming);
};

job::Outcome succeeded() { return {.json = R"({"rows": 3})", .exit_code = 0}; }

}  // namespace

TEST_SUITE("run::spool [db]") {
  TEST_CASE_FIXTURE(Fixture, "a kept outcome is stored once, as if it had come in time") {
    spool().keep({{ended(test::claim_new(database), succeeded())}, {}}, "h:1");
    REQUIRE(files().size() == 1);
    struct stat info {};
    REQUIRE(stat(files()[0].c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0600);

    spool().replay(connection, config);
    spool().replay(connection, config);

    CHECK(files().empty());
    CHECK(history() == "completed 0 h:1 t");
    CHECK(database.value("select result from job_executions") == R"({"rows": 3})");
    CHECK(database.value("select count(*) from job_queue") == "0");
  }

  TEST_CASE_FIXTURE(Fixture, "log lines that were kept are stored once, in their order") {
    const auto claim = test::claim_new(database);
    const queue::LogLine twice{claim.execution_id, test::noon, "stderr", "said \"twice\" \u00e4"};
    const queue::LogLine other{claim.execution_id + 7, test::noon + 1s, "stdout", "of another"};
    const run::Unstored unstored{{ended(claim, succeeded())}, {twice, twice, other}};
    spool().keep(unstored, "h:1");
    spool().keep(unstored, "h:1");  // the answer to the first storing got lost

    spool().replay(connection, config);

    CHECK(files().empty());
    CHECK(history() == "completed 0 h:1 t");
    CHECK(database.value("select string_agg(concat_ws('|', job_execution_id = $1, timestamp = $2, "
                         "level, stream, message), ',' order by id) from job_logs",
                         {claim.execution_id, test::noon}) ==
          "t|t|warn|stderr|said \"twice\" \u00e4,t|t|warn|stderr|said \"twice\" \u00e4,"
          "f|f|info|stdout|of another");
  }

  TEST_CASE_FIXTURE(Fixture, "what an older version kept, without log lines, is stored") {
    const auto claim = test::claim_new(database);
    spool().keep({{ended(claim, succeeded())}, {}}, "h:1");
    const auto path = files().at(0);
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    auto json = nlohmann::json::parse(text.str());
    REQUIRE(json.erase("lines") == 1);
    std::ofstream(path) << json;

    spool().replay(connection, config);

    CHECK(history() == "completed 0 h:1 t");
  }

  TEST_CASE_FIXTURE(Fixture, "a failure that was kept is tried again as the handler wants it") {
    auto claim = test::claim_new(database);
    spool().keep({{ended(claim, {.result = job::Result::failed, .error_message = "it broke"})}, {}},
                 "h:1");
    spool().replay(connection, config);
    CHECK(database.value("select concat_ws(' ', status, attempts) from job_queue") == "pending 1");

    config.handlers["x"].retry.max_retries = 0;
    database.query("update job_queue set scheduled_for = $1", {test::past});
    auto again = database.connect(db::Session::claiming);
    claim = test::claim(again, test::claim_request("x", 1)).at(0);
    spool().keep({{ended(claim, {.result = job::Result::failed, .error_message = "it broke"})}, {}},
                 "h:1");
    spool().replay(connection, config);
    CHECK(database.value("select concat_ws(' ', status, attempts) from job_queue") == "failed 2");
  }

  TEST_CASE_FIXTURE(Fixture,
                    "when a rescue came first, the outcome is kept with the lost execution") {
    spool().keep({{ended(test::claim_new(database), succeeded())}, {}}, "h:1");
    {
      db::Transaction tx(connection);
      REQUIRE(queue::rescue(tx, 1, 3, 10, "worker died").size() == 1);
      tx.commit();
    }

    spool().replay(connection, config);

    CHECK(files().empty());
    CHECK(database.value("select concat_ws(' ', status, attempts) from job_queue") == "pending 1");
    CHECK(database.value("select concat_ws(' ', status, metadata #>> '{late_outcome,status}', "
                         "metadata #>> '{late_outcome,result,rows}') from job_executions") ==
          "lost completed 3");
  }

  TEST_CASE_FIXTURE(Fixture, "an answer that got lost is no second outcome") {
    const auto claim = test::claim_new(database);
    test::settle(connection, {ended(claim, succeeded())});
    spool().keep({{ended(claim, succeeded())}, {}}, "host:1");

    spool().replay(connection, config);

    CHECK(files().empty());
    CHECK(history() == "completed 0 host:1 t");
  }

  TEST_CASE_FIXTURE(Fixture,
                    "a file that is no spool is set aside and keeps no other from being stored") {
    spool().keep({{ended(test::claim_new(database), succeeded())}, {}}, "h:1");
    const auto bad = spool_folder + "/0.json";
    std::ofstream(bad) << "{\"version\": 1, \"outcomes\": 7";
    std::ofstream(spool_folder + "/1.json.tmp") << "{";
    for (const auto& path : files()) REQUIRE(chmod(path.c_str(), 0600) == 0);

    spool().replay(connection, config);

    CHECK(history() == "completed 0 h:1 t");
    CHECK(files().size() == 2);
    CHECK(std::filesystem::exists(bad + ".bad"));
  }

  TEST_CASE_FIXTURE(Fixture,
                    "an outcome that the server refuses keeps no other from being stored") {
    const auto good = test::claim_new(database);
    auto other = database.connect(db::Session::claiming);
    database.insert_pending("x");
    const auto refused = test::claim(other, test::claim_request("x", 1)).at(0);
    spool().keep(
        {{ended(refused, {.json = "no json", .exit_code = 0}), ended(good, succeeded())}, {}},
        "h:1");

    spool().replay(connection, config);

    CHECK(history() == "completed 0 h:1 t");
    REQUIRE(files().size() == 1);
    CHECK(files()[0].extension() == ".bad");
  }

  TEST_CASE("a spool lies beside its lock file, unless a restart of the host would empty it") {
    CHECK(run::Spool::folder_for("/home/me/.local/state/schedctl/a.lock") ==
          "/home/me/.local/state/schedctl/a.lock.spool");
    CHECK(run::Spool::folder_for("/run/schedctl/a.lock") == "/var/spool/schedctl/a.lock");
  }

  TEST_CASE_FIXTURE(Fixture, "outcomes of another installation wait for it") {
    spool("there").keep({{ended(test::claim_new(database), succeeded())}, {}}, "h:1");

    spool().replay(connection, config);
    CHECK(files().size() == 1);
    CHECK(history().empty());

    spool("there").replay(connection, config);
    CHECK(files().empty());
  }
}
