#include "support/server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace schedctl::test {
namespace {

std::optional<uid_t> server_user() {
  if (geteuid() != 0) return {};
  return postgres_user();
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(bind(fd, generic, size) == 0);
  REQUIRE(getsockname(fd, generic, &size) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

std::string program(const std::string& name) {
  static const std::string folder = [] {
    auto out = run({"pg_config", "--bindir"}).out;
    return out.substr(0, out.find('\n'));
  }();
  return folder + "/" + name;
}

}  // namespace

uid_t postgres_user() {
  if (geteuid() != 0) return geteuid();
  const auto* postgres = getpwnam("postgres");
  REQUIRE_MESSAGE(postgres, "there is no user postgres");
  return postgres->pw_uid;
}

Server::Server(Options options) : options_(std::move(options)), user_(server_user()) {
  make_folder();
  as_postgres(
      {"sh", "-c", "printf %s \"$1\" >\"$2\"", "sh", right_password, folder_ / "server/password"});
  as_postgres({program("initdb"), "-D", data(), "-U", "owner", "-A", "scram-sha-256", "--pwfile",
               folder_ / "server/password", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"});
  as_postgres({"sh", "-c", "printf %s \"$1\" | cat - \"$2\" >\"$2.new\" && mv \"$2.new\" \"$2\"",
               "sh", options_.access, data() + "/pg_hba.conf"});
  as_postgres({"sh", "-c", "printf %s \"$1\" >>\"$2\"", "sh", options_.settings,
               data() + "/postgresql.conf"});
  start();
}

Server::Server(const Server& primary, Options options)
    : options_(std::move(options)), user_(server_user()) {
  make_folder();
  as_postgres({program("pg_basebackup"), "-D", data(), "-d", primary.socket_url(), "-R", "-c",
               "fast", "--no-sync"});
  start();
}

Server::~Server() {
  try {
    if (std::filesystem::exists(data() + "/postmaster.pid")) crash();
  } catch (...) {  // a failed test has said why
  }
}

std::unique_ptr<Server> Server::standby() const {
  return std::unique_ptr<Server>(new Server(*this, options_));
}

std::string Server::url(const std::string& password) const {
  return fmt::format("postgresql://owner:{}@127.0.0.1:{}/postgres", password, port_);
}

std::string Server::socket_url() const {
  return fmt::format("postgresql://owner:{}@/postgres?host={}&port={}", right_password,
                     socket_folder(), port_);
}

std::string Server::url_at(const std::string& address) const {
  return fmt::format("postgresql://owner:{}@{}:{}/postgres?sslmode=disable", right_password,
                     address, port_);
}

pid_t Server::postmaster() const {
  std::ifstream file(data() + "/postmaster.pid");
  pid_t pid = 0;
  file >> pid;
  return pid;
}

void Server::query(const std::string& sql) const { value(sql); }

std::string Server::value(const std::string& sql) const {
  ProcessOptions process;
  process.env = {"PGOPTIONS=-c default_transaction_read_only=off"};
  auto end = run({program("psql"), "-XAtqc", sql, socket_url()}, process);
  REQUIRE_MESSAGE(end.exit_code == 0, end.err);
  if (end.out.ends_with('\n')) end.out.pop_back();
  return end.out;
}

void Server::crash() const { pg_ctl({"-m", "immediate", "-w", "stop"}); }

void Server::restart() const { pg_ctl({"-m", "fast", "-w", "-t", "60", "restart"}); }

void Server::await_ready() const {
  wait_until(
      [&] {
        return run({program("psql"), "-XAtqc", "select", socket_url()}).exit_code == 0;
      },
      "the server to take connections");
}

void Server::start_stopping() const { pg_ctl({"-m", "smart", "-W", "stop"}); }

void Server::promote() const { pg_ctl({"-w", "-t", "60", "promote"}); }

void Server::await_copy(const Server& standby) const {
  const auto written = value("select pg_current_wal_flush_lsn()");
  wait_until(
      [&] { return standby.value("select pg_last_wal_replay_lsn() >= '" + written + "'") == "t"; },
      "the standby");
}

void Server::make_folder() const {
  const auto path = socket_folder();
  std::filesystem::create_directory(path);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  if (user_) REQUIRE(chown(path.c_str(), *user_, *user_) == 0);
}

void Server::start() {
  port_ = free_port();
  start_again();
}

void Server::start_again() const {
  pg_ctl({"-w", "-t", "60", "-l", folder_ / "server/log", "-o",
          fmt::format("-F -p {} -c listen_addresses={} -c unix_socket_directories={} "
                      "-c shared_buffers=16MB",
                      port_, options_.network ? "*" : "127.0.0.1", socket_folder()),
          "start"});
}

void Server::pg_ctl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {program("pg_ctl"), "-D", data()});
  as_postgres(arguments);
}

void Server::as_postgres(const std::vector<std::string>& argv) const {
  ProcessOptions options;
  options.user = user_;
  options.network = options_.network;
  options.cwd = "/";
  const auto end = run(argv, options);
  REQUIRE_MESSAGE(end.exit_code == 0, argv[0] << ": " << end.out << end.err);
}

}  // namespace schedctl::test
