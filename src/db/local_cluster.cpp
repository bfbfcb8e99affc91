#include "db/local_cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::db {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto patience = 60s;
constexpr auto port = "5432";

constexpr auto settings =
    R"(# Written when "schedctl db start" made this cluster. Settings of your own: below the include in
# postgresql.conf, or by ALTER SYSTEM.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
autovacuum_naptime = 15s
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d '
)";

constexpr auto first_statements =
    "create role schedctl login;\n"
    "create database schedctl owner schedctl;\n";

[[noreturn]] void fail(ExitCode code, const std::string& place, const std::string& why) {
  throw Error(code, fmt::format("local cluster: {}: {}", escape_control(place), why));
}

[[noreturn]] void fail_errno(const std::string& place) {
  const bool denied = errno == EACCES || errno == EPERM;
  fail(denied ? ExitCode::permission : ExitCode::cannot_create, place, std::strerror(errno));
}

class File {
 public:
  File(const std::string& path, int flags, mode_t mode)
      : fd_(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode)), path_(path) {
    if (fd_ < 0) fail_errno(path);
  }
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  struct stat stat() const {
    struct stat found {};
    if (fstat(fd_, &found) < 0) fail_errno(path_);
    return found;
  }
  void require_regular() const {
    if (!S_ISREG(stat().st_mode)) fail(ExitCode::cannot_create, path_, "is not a regular file");
  }
  void write_all(std::string_view text) const {
    if (write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size()) || fsync(fd_) < 0)
      fail_errno(path_);
  }

 private:
  int fd_;
  std::string path_;
};

// One caller at a time changes the cluster. The kernel frees it when its holders are gone.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : file_(folder + "/cluster.lock", O_RDWR | O_CREAT, 0600) {
    file_.require_regular();
    const auto until = Clock::now() + patience;
    while (flock(file_.fd(), LOCK_EX | LOCK_NB) < 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) fail_errno(folder + "/cluster.lock");
      if (Clock::now() > until)
        fail(ExitCode::temporary, folder + "/cluster.lock",
             "another \"schedctl db\" has held it for 60 s: try again later");
      std::this_thread::sleep_for(20ms);
    }
  }
  int fd() const { return file_.fd(); }

 private:
  File file_;
};

void make_folder(const std::string& path, const ClusterOwner& owner) {
  if (mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) fail_errno(path);
  const File opened(path, O_RDONLY | O_DIRECTORY, 0);
  if (fchmod(opened.fd(), 0700) < 0) fail_errno(path);
  if (owner.drop && fchown(opened.fd(), owner.uid, owner.gid) < 0) fail_errno(path);
}

void run_or_fail(const std::vector<std::string>& argv, const ClusterOwner& owner,
                 const std::string& input, int keep_open) {
  const auto end = run_program(argv, owner, input, keep_open);
  if (end.exit_code == 0) return;
  fail(ExitCode::temporary, argv[0],
       end.complaint.empty() ? fmt::format("exit code {}", end.exit_code) : end.complaint);
}

void add_settings(const std::string& data, const ClusterOwner& owner) {
  const ActingAs guard(owner);
  File(data + "/schedctl.conf", O_WRONLY | O_CREAT | O_EXCL, 0600).write_all(settings);
  File(data + "/postgresql.conf", O_WRONLY | O_APPEND, 0).write_all("\ninclude 'schedctl.conf'\n");
}

// Every process of a server has the data folder as its working directory.
bool works_in(const fs::path& process, const std::string& data) {
  std::error_code ignored;
  const auto where = fs::read_symlink(process / "cwd", ignored);
  return !where.empty() && where == fs::canonical(data, ignored);
}

bool anything_works_in(const std::string& data) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored))
    if (std::isdigit(static_cast<unsigned char>(entry.path().filename().c_str()[0])) &&
        works_in(entry.path(), data))
      return true;
  return false;
}

pid_t recorded_pid(const std::string& data) {
  std::ifstream file(data + "/postmaster.pid");
  pid_t pid = 0;
  return file >> pid && pid > 1 ? pid : 0;
}

std::string url_escape(const std::string& text) {
  std::string escaped;
  for (const unsigned char c : text)
    if (c < 0x80 && (std::isalnum(c) || std::strchr("/-._~", c)))
      escaped += static_cast<char>(c);
    else
      escaped += fmt::format("%{:02X}", c);
  return escaped;
}

std::string read_from(int fd, off_t offset) {
  std::string text(16384, '\0');
  const auto count = pread(fd, text.data(), text.size(), offset);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

}  // namespace

LocalCluster::LocalCluster(const std::string& folder)
    : folder_(fs::absolute(folder).lexically_normal().string()) {
  while (folder_.size() > 1 && folder_.ends_with('/')) folder_.pop_back();
  data_ = folder_ + "/pg";
  socket_folder_ = folder_ + "/run";
  log_ = folder_ + "/pg.log";
  const auto socket = fmt::format("{}/.s.PGSQL.{}", socket_folder_, port);
  if (socket.size() >= sizeof(sockaddr_un::sun_path))
    throw ConfigError(
        fmt::format("local cluster: the socket's path {} is {} bytes long, the system allows {}: "
                    "set SCHEDCTL_DATA_DIR to a "
                    "shorter folder",
                    escape_control(socket), socket.size(), sizeof(sockaddr_un::sun_path) - 1));
}

LocalCluster::State LocalCluster::start() {
  const auto owner = cluster_owner();
  prepare_folder(owner);
  const FolderLock lock(folder_);
  if (!exists()) create(owner, lock.fd());
  if (!accepts_connections()) launch(owner);
  return state();
}

bool LocalCluster::stop() {
  if (!exists()) return false;
  const auto owner = cluster_owner();
  const FolderLock lock(folder_);
  if (server_pid() == 0) return false;
  const auto pg_ctl = server_program_folder(major_version()) + "/pg_ctl";
  run_or_fail({pg_ctl, "stop", "-D", data_, "-m", "fast", "-w", "-t", "60", "-s"}, owner, "", -1);
  return true;
}

LocalCluster::State LocalCluster::state() const {
  State state;
  state.exists = exists();
  if (!state.exists) return state;
  state.pid = server_pid();
  state.running = accepts_connections();
  state.server_version = state.running ? connected_version() : major_version();
  return state;
}

void LocalCluster::exec_psql(const std::vector<std::string>& arguments) const {
  const auto program = psql_program();
  if (!accepts_connections())
    fail(ExitCode::temporary, data_, "is not running: run \"schedctl db start\"");
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // By environment, so that every argument of psql's own still has its meaning.
  for (const auto* name : {"PGSERVICE", "PGHOSTADDR", "PGOPTIONS", "PGPASSWORD"}) unsetenv(name);
  setenv("PGHOST", socket_folder_.c_str(), 1);
  setenv("PGPORT", port, 1);
  setenv("PGUSER", "schedctl", 1);
  setenv("PGDATABASE", "schedctl", 1);
  signal(SIGPIPE, SIG_DFL);
  execv(argv[0], argv.data());
  throw Error(ExitCode::unavailable, fmt::format("{}: {}", program, std::strerror(errno)));
}

std::string LocalCluster::url() const {
  return fmt::format("postgresql:///schedctl?host={}&user=schedctl", url_escape(socket_folder_));
}

// Only a whole cluster gets this name.
bool LocalCluster::exists() const { return access((data_ + "/PG_VERSION").c_str(), F_OK) == 0; }

bool LocalCluster::accepts_connections() const {
  const char* names[] = {"host", "port", "user", "dbname", "connect_timeout", nullptr};
  const char* values[] = {socket_folder_.c_str(), port, "schedctl", "schedctl", "2", nullptr};
  return PQpingParams(names, values, 0) == PQPING_OK;
}

std::string LocalCluster::connected_version() const {
  const char* names[] = {"host", "port", "user", "dbname", "connect_timeout", nullptr};
  const char* values[] = {socket_folder_.c_str(), port, "schedctl", "schedctl", "2", nullptr};
  PGconn* connection = PQconnectdbParams(names, values, 0);
  const char* version = PQstatus(connection) == CONNECTION_OK
                            ? PQparameterStatus(connection, "server_version")
                            : nullptr;
  // "15.6 (Debian 15.6-0+deb12u1)"
  const std::string text = version ? version : major_version();
  PQfinish(connection);
  return text.substr(0, text.find(' '));
}

std::string LocalCluster::major_version() const {
  const ActingAs guard(cluster_owner());
  std::ifstream file(data_ + "/PG_VERSION");
  std::string version;
  file >> version;
  return version;
}

// The number in the file may meanwhile belong to a stranger.
pid_t LocalCluster::server_pid() const {
  const ActingAs guard(cluster_owner());
  const pid_t pid = recorded_pid(data_);
  return pid && works_in(fs::path("/proc") / std::to_string(pid), data_) ? pid : 0;
}

void LocalCluster::prepare_folder(const ClusterOwner& owner) const {
  std::error_code error;
  const auto parent = fs::path(folder_).parent_path();
  fs::create_directories(parent, error);
  if (error) fail(ExitCode::cannot_create, parent, error.message());
  const mode_t mode = owner.drop ? 0755 : 0700;
  if (mkdir(folder_.c_str(), mode) == 0) {
    if (chmod(folder_.c_str(), mode) < 0) fail_errno(folder_);  // whatever the umask was
  } else if (errno != EEXIST) {
    fail_errno(folder_);
  }
  const auto found = File(folder_, O_RDONLY | O_DIRECTORY, 0).stat();
  if (found.st_uid != geteuid() || (found.st_mode & 022) != 0)
    fail(ExitCode::permission, folder_,
         "must belong to the user who runs this, and be writable by nobody else");
  const ActingAs guard(owner);
  const int way = open((folder_ + "/.").c_str(), O_PATH | O_CLOEXEC);
  if (way < 0)
    fail(ExitCode::permission, folder_,
         "the user postgres cannot enter it: chmod o+x each folder on the way, or set "
         "SCHEDCTL_DATA_DIR");
  close(way);
}

// Made under another name and renamed when whole, so that a crash in between leaves nothing that
// looks like a cluster. The programs hold the lock too: should this process be killed, nobody
// tidies up while they still write.
void LocalCluster::create(const ClusterOwner& owner, int lock) const {
  const auto bin = server_program_folder("");
  if (rmdir(data_.c_str()) < 0 && errno != ENOENT)  // an empty one is in nobody's way
    fail(ExitCode::cannot_create, data_, "is there and is no cluster of PostgreSQL: move it away");
  const auto fresh = folder_ + "/pg.new";
  std::error_code error;
  fs::remove_all(fresh, error);
  if (error) fail(ExitCode::cannot_create, fresh, error.message());
  make_folder(fresh, owner);
  run_or_fail(
      {bin + "/initdb", "-D", fresh, "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
       "--auth-local=trust", "--auth-host=reject", "--data-checksums", "--no-instructions"},
      owner, "", lock);
  add_settings(fresh, owner);
  run_or_fail({bin + "/postgres", "--single", "-D", fresh, "-c", "exit_on_error=on", "-c",
               "log_checkpoints=off", "postgres"},
              owner, first_statements, lock);
  if (rename(fresh.c_str(), data_.c_str()) < 0) fail_errno(data_);
  fsync(File(folder_, O_RDONLY | O_DIRECTORY, 0).fd());
}

void LocalCluster::launch(const ClusterOwner& owner) const {
  pid_t server = server_pid();
  const File log(log_, O_RDWR | O_APPEND | O_CREAT, 0600);
  log.require_regular();
  const auto said_before = log.stat().st_size;
  if (server == 0) {
    make_folder(socket_folder_, owner);
    remove_stale_lock_files(owner);
    // The setting is a list: quotes keep a comma in the folder's name from dividing it.
    std::string folder_list = "\"";
    for (const char c : socket_folder_) folder_list.append(c == '"' ? 2 : 1, c);
    server =
        start_server_program({server_program_folder(major_version()) + "/postgres", "-D", data_,
                              "-c", fmt::format("unix_socket_directories={}\"", folder_list), "-c",
                              fmt::format("port={}", port)},
                             owner, log.fd());
  }
  wait_until_ready(server, log.fd(), said_before);
}

void LocalCluster::wait_until_ready(pid_t server, int log, off_t said_before) const {
  const auto until = Clock::now() + patience;
  while (!accepts_connections()) {
    // It may not be our child: then its place in /proc tells. It may also have ended because
    // another one runs.
    const bool ended = waitpid(server, nullptr, WNOHANG) == server || kill(server, 0) < 0;
    if (ended && server_pid() == 0 && !accepts_connections()) {
      const auto complaint = telling_line(read_from(log, said_before));
      fail(ExitCode::temporary, data_,
           fmt::format("the server did not start: {} (see {})",
                       complaint.empty() ? "it said nothing" : complaint, escape_control(log_)));
    }
    if (Clock::now() > until)
      fail(ExitCode::temporary, data_,
           fmt::format("the server accepts no connections after 60 s: see {}",
                       escape_control(log_)));
    std::this_thread::sleep_for(20ms);
  }
}

// After a crash the number in the lock files may belong to another process of the same user;
// PostgreSQL would then refuse to start. They are removed only when nothing at all works in the
// data folder; sessions of a server that was killed need a moment to notice.
void LocalCluster::remove_stale_lock_files(const ClusterOwner& owner) const {
  const ActingAs guard(owner);
  const pid_t pid = recorded_pid(data_);
  if (pid == 0 || kill(pid, 0) < 0) return;
  const auto until = Clock::now() + patience;
  while (anything_works_in(data_)) {
    if (Clock::now() > until)
      fail(ExitCode::temporary, data_,
           "processes of an earlier server still run in it: end them first");
    std::this_thread::sleep_for(20ms);
  }
  fs::remove(fmt::format("{}/.s.PGSQL.{}.lock", socket_folder_, port));
  fs::remove(data_ + "/postmaster.pid");
}

}  // namespace schedctl::db
