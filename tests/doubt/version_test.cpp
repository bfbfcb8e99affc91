// A schema that changes under its users, or does not come to its end.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "db/migrate.h"
#include "doubt/small_disk.h"
#include "support/host.h"
#include "support/times.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// How many steps are done; they are the first ones.
int whole_steps(const Host& host) {
  const auto end = host.run({"migrate", "--status", "--json"});
  REQUIRE_MESSAGE(end.out.starts_with("{"), end.err);
  int done = 0;
  bool pending = false;
  const auto status = nlohmann::json::parse(end.out);
  for (const auto& step : status.at("migrations")) {
    if (step.at("state") == "pending") {
      pending = true;
      continue;
    }
    CHECK_FALSE(pending);
    ++done;
  }
  return done;
}

bool has_strace() { return access("/usr/bin/strace", X_OK) == 0; }

}  // namespace

TEST_SUITE("doubt::version [db]") {
  TEST_CASE(
      "a migration that is killed at any message to the server has done whole steps, or none" *
      doctest::skip(!has_strace())) {
    const int stride = measures() ? 1 : 9;
    int kills = 0;
    for (int message = 1;; message += stride) {
      CAPTURE(message);
      const Host host("", Database::Content::nothing);
      const auto end = test::run(
          {"strace", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e",
           fmt::format("inject=sendto:signal=KILL:when={}", message), binary(), "migrate"},
          {.env = host.env});
      if (end.exit_code == 0) break;
      ++kills;
      REQUIRE_MESSAGE(end.signal == SIGKILL, end.err);
      const int done = whole_steps(host);
      const auto run = host.process();
      CHECK_MESSAGE(run.exit_code == (done == db::latest_version() ? 0 : 78), run.err);
      const auto next = host.run({"migrate"});
      CHECK_MESSAGE(next.exit_code == 0, next.err);
      CHECK(whole_steps(host) == db::latest_version());
      host.tick();
    }
    MESSAGE(kills << " kills");
    CHECK(kills * stride > 5 * db::latest_version());
  }

  TEST_CASE(
      "a migration that finds the disk full has done whole steps, and goes on when it is not" *
      doctest::skip(geteuid() != 0)) {
    const TempDir folder;
    const SmallDisk disk(folder / "small", 300);
    const Server server;
    server.query("create tablespace small location '" + (folder / "small") + "'");
    server.query("alter role owner set default_tablespace = 'small'");
    Host host("", Database::Content::nothing);
    host.replace_config(fmt::format("[database]\nurl = \"{}\"\n", server.url()));

    const auto refused = host.run({"migrate"});
    CHECK(refused.exit_code == 75);
    CHECK(refused.err.find("(the server's disk is full)\n") != std::string::npos);
    const int done = whole_steps(host);
    CHECK(done < db::latest_version());
    check_refused(host.process(), 78, "schedctl migrate");
    disk.grow(20'000);

    CHECK(host.run({"migrate"}).exit_code == 0);
    CHECK(whole_steps(host) == db::latest_version());
    host.tick();
  }

  TEST_CASE("a run that is at work when the schema becomes newer goes on; the next is refused") {
    Host host;
    host.handler("held", "echo >>begun; while [ ! -e go ]; do sleep 0.02; done");
    const auto job = host.enqueue("held");
    auto run = host.start_process();
    host.await_line("begun");

    host.database.query(
        "insert into schema_migrations (version, name, checksum, binary_version) "
        "values (999999, 'future', '', 'x')");
    check_refused(host.start({"process"},
                             {"SCHEDCTL_HOST=host-b", "SCHEDCTL_STATE_DIR=" + (host.folder / "b")})
                      .wait(),
                  78, "install the newer schedctl");
    CHECK(host.status(job) == "running");
    host.folder.write("go", "");

    const auto end = run.wait();
    CHECK_MESSAGE(end.exit_code == 0, end.err);
    CHECK(host.attempts(job) == "completed");
    CHECK(host.count("hosts where host = 'host-b'") == 0);
  }
}
