#include "support/pooler.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "db/conninfo.h"
#include "db/server_program.h"
#include "support/database.h"

namespace schedctl::test {
namespace {

constexpr int port = 6432;
constexpr const char* program = "/usr/sbin/pgbouncer";
int left_out_tests = 0;

std::string keyword(const db::Keywords& keywords, const std::string& name) {
  for (const auto& [key, value] : keywords)
    if (key == name) return value;
  return "";
}

std::string configuration(const db::Keywords& server, const std::string& users,
                          const std::string& folder, const PoolerOptions& options) {
  const auto server_port = keyword(server, "port");
  const auto user = keyword(server, "user");
  return fmt::format(
      "[databases]\n* = host={} port={} auth_user={} connect_query='{}'\n"
      "[pgbouncer]\nlisten_addr =\nlisten_port = {}\nunix_socket_dir = {}\n"
      "auth_type = trust\nauth_file = {}\nauth_query = select rolname, '' from pg_roles where "
      "rolname = $1\n"
      "pool_mode = {}\ndefault_pool_size = {}\nmax_client_conn = 200\nserver_round_robin = 1\n"
      "stats_users = {}\nlog_connections = 0\nlog_disconnections = 0\n{}\n",
      keyword(server, "host"), server_port.empty() ? "5432" : server_port, user, options.session,
      port, folder, users, options.mode, options.size, user, options.settings);
}

}  // namespace

const char* const hostile_session =
    "set search_path = pg_temp; set statement_timeout = 3000; set lock_timeout = 1; "
    "set default_transaction_isolation = serializable; set IntervalStyle = sql_standard; "
    "set extra_float_digits = -15; set DateStyle = German; set TimeZone = +3";

bool pooled() {
  const char* value = std::getenv("SCHEDCTL_TEST_POOLED");
  return value && *value;
}

bool needs_session(const char* why) {
  if (!pooled()) return false;
  MESSAGE("left out, as it needs a session: " << why);
  ++left_out_tests;
  return true;
}

int left_out() { return left_out_tests; }

Pooler::Pooler(const std::string& server_url, const PoolerOptions& options)
    : socket_folder_(folder_ / "run") {
  const auto server = db::parse_url(server_url, "test");
  url_ = fmt::format("postgresql:///{}?host={}&port={}&user={}", keyword(server, "dbname"),
                     socket_folder_, port, keyword(server, "user"));
  std::filesystem::create_directory(socket_folder_);
  const auto owner = db::cluster_owner();
  if (owner.drop) REQUIRE(chown(socket_folder_.c_str(), owner.uid, owner.gid) == 0);
  // The others are looked up in the database.
  const auto users = folder_.write("users", fmt::format("\"{}\" \"\"\n", keyword(server, "user")));
  const auto file =
      folder_.write("pgbouncer.ini", configuration(server, users, socket_folder_, options));
  for (const auto& path : {users, file}) REQUIRE(chmod(path.c_str(), 0644) == 0);
  start();
}

// Of all but the pooler's own database: "schedctl|XACTS|QUERIES|...".
int Pooler::round_trips() const {
  const auto stats = run({"psql", "-XAtc", "show stats_totals", url_ + "&dbname=pgbouncer"});
  REQUIRE_MESSAGE(stats.exit_code == 0, stats.err);
  std::istringstream lines(stats.out);
  int sum = 0;
  for (std::string name, transactions, queries, rest;
       std::getline(lines, name, '|') && std::getline(lines, transactions, '|') &&
       std::getline(lines, queries, '|') && std::getline(lines, rest);)
    if (name != "pgbouncer") sum += std::stoi(queries);
  return sum;
}

void Pooler::start() {
  REQUIRE_MESSAGE(access(program, X_OK) == 0, "no " << program << ": apt-get install pgbouncer");
  const auto owner = db::cluster_owner();
  ProcessOptions options;
  options.cwd = "/";
  if (owner.drop) options.user = owner.uid;
  const auto socket = fmt::format("{}/.s.PGSQL.{}", socket_folder_, port);
  std::filesystem::remove(socket);
  // Should the tests be killed, it ends too.
  process_.emplace(std::vector<std::string>{"setpriv", "--pdeathsig", "KILL", program,
                                            folder_ / "pgbouncer.ini"},
                   options);
  wait_until([&] { return !process_->running() || access(socket.c_str(), F_OK) == 0; },
             "PgBouncer to start");
  REQUIRE_MESSAGE(process_->running(), process_->err());
}

void Pooler::crash() {
  process_->kill(SIGKILL);
  process_->wait();
}

const Pooler& shared_pooler() {
  static const Pooler pooler(server_url());
  return pooler;
}

}  // namespace schedctl::test
