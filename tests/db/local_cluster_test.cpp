#include "db/local_cluster.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "support/process.h"
#include "util/error.h"

using namespace schedctl;
namespace fs = std::filesystem;

namespace {

// A folder for one cluster, whose server is stopped at the end of the scope.
class ClusterFolder {
 public:
  explicit ClusterFolder(std::optional<uid_t> user = {}) : user_(user) {
    if (user) REQUIRE(chown(parent_.path().c_str(), *user, *user) == 0);
  }
  ~ClusterFolder() {
    try {
      db({"stop"});
    } catch (...) {  // a failed test has said why
    }
  }

  std::string operator/(const std::string& name) const { return folder() + "/" + name; }
  std::string folder() const { return parent_ / "cluster"; }
  test::Process begin(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {test::binary(), "db"});
    test::ProcessOptions options;
    options.env = {"SCHEDCTL_DATA_DIR=" + folder()};
    options.user = user_;
    return test::start(arguments, options);
  }
  test::ProcessResult db(const std::vector<std::string>& arguments) const {
    return begin(arguments).wait();
  }
  nlohmann::json status() const { return nlohmann::json::parse(db({"status", "--json"}).out); }
  void start() const {
    const auto started = db({"start"});
    REQUIRE_MESSAGE(started.exit_code == 0, started.err);
  }
  pid_t server() const { return status().at("pid").get<pid_t>(); }
  std::string query(const std::string& sql) const {
    const auto answer = db({"psql", "-XAtc", sql});
    CHECK(answer.err == "");
    return answer.out;
  }

 private:
  test::TempDir parent_;
  std::optional<uid_t> user_;
};

bool gone(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  return !(stat >> number >> name >> state) || state == "Z";
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(lstat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

constexpr uid_t stranger = 65534;  // nobody

}  // namespace

TEST_SUITE("db::local_cluster [db]") {
  TEST_CASE("the first start makes a cluster, and its url leads to a database of one's own") {
    const ClusterFolder cluster;

    const auto started = cluster.db({"start"});

    CHECK(started.exit_code == 0);
    CHECK(started.err == "");
    CHECK(started.out == "local cluster running: postgresql:///schedctl?host=" + (cluster / "run") +
                             "&user=schedctl\n");
    CHECK(cluster.query("select current_user, current_database(), usesuper from pg_user "
                        "where usename = current_user") == "schedctl|schedctl|f\n");
    CHECK(cluster.query("create table t (a int); insert into t values (1); select * from t") ==
          "CREATE TABLE\nINSERT 0 1\n1\n");
  }

  TEST_CASE("the server checks its pages, listens on a private socket only, and lives on its own") {
    const ClusterFolder cluster;
    cluster.start();

    CHECK(cluster.query(
              "select current_setting('data_checksums'), current_setting('listen_addresses'), "
              "current_setting('fsync'), current_setting('autovacuum_naptime'), "
              "pg_encoding_to_char(encoding), datcollate from pg_database "
              "where datname = current_database()") == "on||on|15s|UTF8|C.UTF-8\n");
    CHECK(mode_of(cluster / "run") == 0700);
    CHECK(mode_of(cluster / "pg") == 0700);
    const auto server = cluster.server();
    CHECK(getsid(server) == server);
    const auto lock = fs::canonical(cluster / "cluster.lock");
    for (const auto& fd : fs::directory_iterator("/proc/" + std::to_string(server) + "/fd"))
      CHECK(fs::read_symlink(fd.path()) != lock);
  }

  TEST_CASE("status tells a script by its exit code whether the cluster runs") {
    const ClusterFolder cluster;

    const auto before = cluster.db({"status"});
    cluster.start();
    const auto running = cluster.db({"status", "--json"});
    cluster.db({"stop"});
    const auto stopped = cluster.db({"status"});

    CHECK(before.exit_code == 1);
    CHECK(before.out.find("schedctl db start") != std::string::npos);
    CHECK(running.exit_code == 0);
    const auto state = nlohmann::json::parse(running.out);
    CHECK(state["schema_version"] == 1);
    CHECK(state["running"] == true);
    CHECK(state["data"] == cluster / "pg");
    CHECK(kill(state["pid"].get<pid_t>(), 0) == 0);
    CHECK(state["server_version"].get<std::string>().find('.') != std::string::npos);
    CHECK(stopped.exit_code == 1);
    CHECK(stopped.out == "local cluster not running: " + (cluster / "pg") + "\n");
  }

  TEST_CASE("start and stop may be said twice") {
    const ClusterFolder cluster;

    const auto first = cluster.db({"start"}), second = cluster.db({"start"});
    const auto server = cluster.server();
    const auto stop = cluster.db({"stop"}), again = cluster.db({"stop"});

    CHECK(first.out == second.out);
    CHECK(second.exit_code == 0);
    CHECK(stop.exit_code == 0);
    CHECK(gone(server));
    CHECK(again.exit_code == 0);
    CHECK(again.out == "local cluster not running: " + (cluster / "pg") + "\n");
  }

  TEST_CASE("twenty starts at once make one cluster with one server") {
    const ClusterFolder cluster;
    std::vector<test::Process> starts;
    for (int i = 0; i < 20; ++i) starts.push_back(cluster.begin({"start", "--json"}));

    std::set<pid_t> servers;
    for (auto& start : starts) {
      const auto end = start.wait();
      CHECK_MESSAGE(end.exit_code == 0, end.err);
      if (end.exit_code == 0) servers.insert(nlohmann::json::parse(end.out)["pid"].get<pid_t>());
    }

    CHECK(servers.size() == 1);
    CHECK_FALSE(fs::exists(cluster / "pg.new"));
  }

  TEST_CASE("a start that is killed at any moment leaves nothing that the next one cannot use") {
    for (const auto* moment : {"cluster.lock", "pg.new/PG_VERSION", "pg.new/base/1",
                               "pg.new/schedctl.conf", "pg/PG_VERSION", "pg/postmaster.pid"}) {
      CAPTURE(moment);
      const ClusterFolder cluster;
      auto killed = cluster.begin({"start"});
      test::wait_until([&] { return fs::exists(cluster / moment) || !killed.running(); }, moment);
      killed.kill(SIGKILL);
      killed.wait();

      const auto next = cluster.db({"start"});

      CHECK_MESSAGE(next.exit_code == 0, next.err);
      CHECK(cluster.query("select 1") == "1\n");
    }
  }

  TEST_CASE("a half-made cluster of an earlier crash is made anew") {
    const ClusterFolder cluster;
    fs::create_directories(cluster / "pg.new/base");
    std::ofstream(cluster / "pg.new/PG_VERSION") << "15\n";

    cluster.start();

    CHECK(cluster.query("select 1") == "1\n");
    CHECK_FALSE(fs::exists(cluster / "pg.new"));
  }

  TEST_CASE(
      "after a crash of the server the next start recovers, and what was committed is there") {
    const ClusterFolder cluster;
    cluster.start();
    cluster.query("create table t (a int); insert into t values (42)");
    const auto server = cluster.server();
    kill(server, SIGKILL);
    test::wait_until([&] { return gone(server); }, "the server to die");

    cluster.start();

    CHECK(cluster.query("select a from t") == "42\n");
  }

  TEST_CASE(
      "a number left behind by a crash that a stranger now has does not keep the server down") {
    const ClusterFolder cluster;
    cluster.start();
    const auto server = cluster.server();
    kill(server, SIGKILL);
    test::wait_until([&] { return gone(server); }, "the server to die");
    struct stat data {};
    REQUIRE(stat((cluster / "pg").c_str(), &data) == 0);
    test::ProcessOptions as_owner;
    if (geteuid() == 0) as_owner.user = data.st_uid;
    auto bystander = test::start({"tail", "-f", "/dev/null"}, as_owner);
    for (const auto* name : {"pg/postmaster.pid", "run/.s.PGSQL.5432.lock"}) {
      std::string content;
      std::getline(std::ifstream(cluster / name), content, '\0');
      std::ofstream(cluster / name) << bystander.pid() << content.substr(content.find('\n'));
    }

    const auto started = cluster.db({"start"});

    CHECK_MESSAGE(started.exit_code == 0, started.err);
    CHECK(bystander.running());
  }

  TEST_CASE("settings of libpq in the caller's environment do not change the server") {
    const ClusterFolder cluster;
    const auto started = test::run(
        {test::binary(), "db", "start"},
        {.env = {"SCHEDCTL_DATA_DIR=" + cluster.folder(), "PGPORT=6543", "PGDATA=/nonexistent"}});

    CHECK_MESSAGE(started.exit_code == 0, started.err);
    CHECK(fs::exists(cluster / "run/.s.PGSQL.5432"));
  }

  TEST_CASE("psql gets its arguments as they are, and its exit code is handed back") {
    const ClusterFolder cluster;
    const auto not_running = cluster.db({"psql", "-c", "select 1"});
    cluster.start();

    CHECK(not_running.exit_code == 75);
    CHECK(not_running.err.find("schedctl db start") != std::string::npos);
    CHECK(cluster.db({"psql", "-XAt", "-c", "select 'a b', '$HOME;'"}).out == "a b|$HOME;\n");
    CHECK(cluster.db({"psql", "-XAt", "-U", "postgres", "-c", "select current_user"}).out ==
          "postgres\n");
    CHECK(cluster.db({"psql", "-Xc", "select no_such_column"}).exit_code == 1);
  }

  TEST_CASE("a folder that is no cluster is left alone") {
    const ClusterFolder cluster;
    fs::create_directories(cluster / "pg");
    std::ofstream(cluster / "pg/precious") << "data";

    const auto started = cluster.db({"start"});

    CHECK(started.exit_code == 73);
    CHECK(started.err.find(cluster / "pg") != std::string::npos);
    CHECK(fs::exists(cluster / "pg/precious"));
  }

  TEST_CASE("a folder that others may write is refused") {
    const ClusterFolder cluster;
    fs::create_directory(cluster.folder());
    fs::permissions(cluster.folder(), fs::perms(0777));

    CHECK(cluster.db({"start"}).exit_code == 77);
    CHECK_FALSE(fs::exists(cluster / "cluster.lock"));
  }

  TEST_CASE("a link in the place of the lock or the log is not followed") {
    const test::TempDir elsewhere;
    for (const auto* name : {"cluster.lock", "pg.log"}) {
      CAPTURE(name);
      const auto victim = elsewhere.write(name, "precious");
      const ClusterFolder cluster;
      fs::create_directory(cluster.folder());
      fs::permissions(cluster.folder(), fs::perms(0755));
      fs::create_symlink(victim, cluster / name);

      const auto started = cluster.db({"start"});

      CHECK(started.exit_code == 73);
      CHECK(fs::file_size(victim) == 8);
      fs::remove(cluster / name);
    }
  }

  TEST_CASE(
      "an ordinary user gets a cluster that runs as that user and that no other user can enter" *
      doctest::skip(geteuid() != 0)) {
    const ClusterFolder cluster(stranger);

    const auto started = cluster.db({"start"});

    REQUIRE_MESSAGE(started.exit_code == 0, started.err);
    struct stat found {};
    REQUIRE(stat((cluster / "pg").c_str(), &found) == 0);
    CHECK(found.st_uid == stranger);
    test::ProcessOptions another;
    another.user = 65533;
    another.env = {"SCHEDCTL_DATA_DIR=" + cluster.folder()};
    CHECK(test::run({test::binary(), "db", "status"}, another).exit_code == 1);
    CHECK(cluster.query("select 1") == "1\n");
  }

  TEST_CASE("a folder that the user postgres cannot reach is named" *
            doctest::skip(geteuid() != 0)) {
    const ClusterFolder cluster;
    const auto closed = fs::path(cluster.folder()).parent_path();
    fs::permissions(closed, fs::perms(0700));

    const auto started = cluster.db({"start"});

    CHECK(started.exit_code == 77);
    CHECK(started.err.find("chmod o+x") != std::string::npos);
  }
}

TEST_SUITE("db::local_cluster") {
  TEST_CASE("a folder too deep for a socket is refused with the remedy") {
    const std::string deep = "/tmp/" + std::string(100, 'd');
    try {
      const db::LocalCluster cluster(deep);
      FAIL("accepted");
    } catch (const ConfigError& e) {
      CHECK(std::string(e.what()).find("SCHEDCTL_DATA_DIR") != std::string::npos);
      CHECK(e.code() == ExitCode::config);
    }
    CHECK_NOTHROW(db::LocalCluster("/tmp/" + std::string(80, 'd')));
  }

  TEST_CASE("a path with unusual characters makes a url that means it") {
    CHECK(db::LocalCluster("/tmp/a b&c").url() ==
          "postgresql:///schedctl?host=/tmp/a%20b%26c/run&user=schedctl");
  }

  TEST_CASE("of a program's complaints the one that says most is told") {
    CHECK(db::telling_line("hello\ninitdb: error: no space\ninitdb: removing contents\n") ==
          "no space");
    CHECK(db::telling_line("2026-11-22 UTC [1] FATAL:  lock file exists\nHINT: x\n") ==
          "lock file exists");
    CHECK(db::telling_line("only this\n\n") == "only this");
    CHECK(db::telling_line("") == "");
  }
}
