// The password of the database: who gets to see it.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/host.h"
#include "support/server.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

constexpr const char* canary = "c4n4ry-0f-7h3-d4t4b453";

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool sings(const std::string& text) { return text.find(canary) != std::string::npos; }

// The command lines of all processes, while a run is under way. How often they were read.
int watch_command_lines(Process& run) {
  int looks = 0;
  for (; run.running(); ++looks) {
    std::error_code gone;
    for (const auto& process : std::filesystem::directory_iterator("/proc", gone))
      if (const auto line = content_of(process.path() / "cmdline"); sings(line)) FAIL_CHECK(line);
    wait_for_any({&run}, std::chrono::milliseconds(10));
  }
  return looks;
}

// A host whose database asks for the canary.
struct SecretHost {
  Server server;
  Host host;
  std::string open_url, secret_url;

  SecretHost() {
    server.query(fmt::format("create role keeper superuser login password '{}'", canary));
    const auto place = server.url().substr(server.url().find('@') + 1);
    open_url = "postgresql://keeper@" + place;
    secret_url = fmt::format("postgresql://keeper:{}@{}", canary, place);
  }

  void configure(const std::string& database) {
    host.replace_config(database + "[log]\nlevel = \"debug\"\nfile = \"" + (host.folder / "log") +
                        "\"\n");
    host.handler("looks",
                 "env; cat /proc/self/environ; tr '\\0' ' ' </proc/$PPID/cmdline; sleep 0.3");
    host.handler("fails", "exit 1");
    host.configure("[handler.broken]\ntype = \"sql\"\nstatement = \"select 1/0\"\n");
  }

  // Everything that the database keeps.
  std::string rows() const {
    std::string all;
    std::istringstream tables(server.value(
        "select relname from pg_class where relnamespace = 'schedctl'::regnamespace and relkind "
        "in ('r', 'v')"));
    for (std::string table; std::getline(tables, table);)
      all += server.value("set search_path = schedctl; select t from " + table + " t");
    return all + server.value("select query from pg_stat_activity");
  }

  void check_silent(const std::vector<std::string>& command) const {
    const auto end = host.run(command);
    CAPTURE(command[0]);
    CHECK_FALSE(sings(end.out));
    CHECK_FALSE(sings(end.err));
  }
};

}  // namespace

TEST_SUITE("e2e::secrets [db]") {
  TEST_CASE("the database's password is in no command line, environment of a handler, log or row") {
    SecretHost secret;
    auto& host = secret.host;
    const auto passfile = host.folder.write("pgpass", fmt::format("*:*:*:keeper:{}\n", canary));
    struct Way {
      std::string database;
      std::string variable;
    };
    const Way ways[] = {
        {fmt::format("[database]\nurl = \"{}\"\n", secret.secret_url), "UNUSED=1"},
        {"", "SCHEDCTL_DATABASE_URL=" + secret.secret_url},
        {fmt::format("[database]\nurl = \"{}\"\n", secret.open_url),
         std::string("PGPASSWORD=") + canary},
        {fmt::format("[database]\nurl = \"{}?passfile={}\"\n", secret.open_url, passfile),
         "UNUSED=1"}};
    secret.configure(ways[0].database);
    REQUIRE(host.run({"migrate"}).exit_code == 0);

    for (const auto& way : ways) {
      CAPTURE(way.variable);
      CAPTURE(way.database);
      secret.configure(way.database);
      host.env.push_back(way.variable);
      for (const char* type : {"looks", "fails", "broken", "noop"})
        REQUIRE(host.run({"enqueue", type}).exit_code == 0);

      auto run = host.start_process();
      CHECK(watch_command_lines(run) >= 10);
      const auto end = run.wait();

      CHECK(end.exit_code == 0);
      CHECK_FALSE(sings(end.out + end.err));
      for (const std::vector<std::string>& command : {std::vector<std::string>{"status"},
                                                      {"history", "--json"},
                                                      {"logs", "--json"},
                                                      {"config", "show", "--origin"},
                                                      {"config", "show", "--json"},
                                                      {"validate"},
                                                      {"test"},
                                                      {"migrate", "--status"},
                                                      {"process", "--dry-run"}})
        secret.check_silent(command);
      host.env.pop_back();
    }

    CHECK(secret.server.value("select count(*) from schedctl.job_executions where job_type = "
                              "'looks' and status = 'completed'") == "4");
    CHECK_FALSE(sings(secret.rows()));
    CHECK_FALSE(sings(host.read("log")));
    CHECK(host.read("log").size() > 100);
  }

  TEST_CASE("no error says the password, whatever is wrong with the connection") {
    SecretHost secret;
    auto& host = secret.host;
    const auto wrong = [&](const std::string& what, const std::string& by) {
      auto url = secret.secret_url;
      const auto at = url.find(what);
      REQUIRE(at != std::string::npos);
      return url.replace(at, what.size(), by);
    };
    for (const auto& url :
         {wrong("127.0.0.1:", "127.0.0.1:1"), wrong("/postgres", "/nowhere"),
          wrong("keeper:", "nobody:"), wrong(canary, std::string("x") + canary),
          wrong("127.0.0.1", "no such host"), wrong("/postgres", "/postgres?sslmod=require"),
          wrong("/postgres", "/postgres?port=x"), wrong("postgresql://", "postgres//"),
          std::string("host=127.0.0.1 user=keeper pasword=") + canary,
          std::string("host=127.0.0.1 port=1 user=keeper password=") + canary}) {
      secret.configure("");
      host.env.push_back("SCHEDCTL_DATABASE_URL=" + url);
      for (const std::vector<std::string>& command :
           {std::vector<std::string>{"process"}, {"status"}, {"config", "show"}, {"test"}}) {
        const auto end = host.run(command);
        CAPTURE(url);
        CAPTURE(command[0]);
        if (command[0] == "process") CHECK(end.exit_code != 0);
        CHECK_FALSE(sings(end.out));
        CHECK_FALSE(sings(end.err));
      }
      host.env.pop_back();
    }
    CHECK_FALSE(sings(host.read("log")));
  }
}
