#include "db/server_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::db {
namespace {

namespace fs = std::filesystem;

struct Descriptor {
  int fd = -1;
  explicit Descriptor(int opened) : fd(opened) {
    if (fd < 0) throw Error(ExitCode::temporary, fmt::format("open: {}", std::strerror(errno)));
  }
  ~Descriptor() { close(fd); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

bool is_program(const fs::path& path) { return access(path.c_str(), X_OK) == 0; }

bool has_server(const fs::path& folder) {
  return is_program(folder / "postgres") && is_program(folder / "initdb") &&
         is_program(folder / "pg_ctl");
}

int number_of(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

// Debian's folders, newest first.
std::vector<std::pair<int, fs::path>> installed_versions() {
  std::vector<std::pair<int, fs::path>> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored))
    if (const int version = number_of(entry.path().filename()); version > 0)
      found.emplace_back(version, entry.path() / "bin");
  std::sort(found.rbegin(), found.rend());
  return found;
}

std::vector<fs::path> search_path() {
  const char* path = std::getenv("PATH");
  std::istringstream text(path ? path : "/usr/bin:/bin");
  std::vector<fs::path> folders;
  for (std::string folder; std::getline(text, folder, ':');)
    if (folder.starts_with('/')) folders.emplace_back(folder);
  return folders;
}

struct Prepared {  // everything a child needs, allocated before fork
  std::vector<char*> argv;
  std::vector<std::string> environment;
  std::vector<char*> envp;
};

// PGPORT, PGDATA and the like would change what the server does, so it gets none of our
// environment.
Prepared prepare(const std::vector<std::string>& argv, const ClusterOwner& owner) {
  Prepared prepared;
  for (const auto& argument : argv) prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  prepared.argv.push_back(nullptr);
  prepared.environment = {"PATH=" + fs::path(argv[0]).parent_path().string() + ":/usr/bin:/bin",
                          "HOME=" + owner.home, "LC_ALL=C.UTF-8"};
  for (auto& variable : prepared.environment) prepared.envp.push_back(variable.data());
  prepared.envp.push_back(nullptr);
  return prepared;
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number)
    if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Leaves 0, 1, 2 and, as 3, what is to be kept; all in the child, between fork and exec.
bool set_descriptors(int in, int out, int err, int keep_open) {
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) return false;
  if (keep_open == 3) {
    if (fcntl(3, F_SETFD, 0) < 0) return false;
  } else if (keep_open >= 0 && dup2(keep_open, 3) < 0) {
    return false;
  }
  return close_range(keep_open >= 0 ? 4 : 3, ~0U, 0) == 0;
}

bool drop_rights(const ClusterOwner& owner) {
  return !owner.drop || (setgroups(owner.groups.size(), owner.groups.data()) == 0 &&
                         setgid(owner.gid) == 0 && setuid(owner.uid) == 0 && setuid(0) != 0);
}

[[noreturn]] void become(const Prepared& program, const ClusterOwner& owner) {
  umask(077);
  if (drop_rights(owner) && chdir("/") == 0)
    execve(program.argv[0], program.argv.data(), program.envp.data());
  const char* parts[] = {program.argv[0], ": cannot be started: ", strerrordesc_np(errno), "\n"};
  for (const char* part : parts)
    if (write(2, part, std::strlen(part)) < 0) break;
  _exit(127);
}

pid_t fork_or_throw() {
  const pid_t pid = fork();
  if (pid < 0) throw Error(ExitCode::temporary, fmt::format("fork: {}", std::strerror(errno)));
  return pid;
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > 65536) text.erase(0, text.size() - 32768);
  }
}

int file_holding(const std::string& input) {
  const int fd = memfd_create("input", MFD_CLOEXEC);
  if (fd >= 0 && write(fd, input.data(), input.size()) >= 0) lseek(fd, 0, SEEK_SET);
  return fd;
}

}  // namespace

ClusterOwner cluster_owner() {
  ClusterOwner owner;
  owner.uid = geteuid();
  owner.gid = getegid();
  owner.drop = owner.uid == 0;
  const passwd* entry = owner.drop ? getpwnam("postgres") : getpwuid(owner.uid);
  if (!entry && owner.drop)
    throw Error(ExitCode::unavailable,
                "no user \"postgres\" on this system: install the package \"postgresql-15\"");
  owner.home = entry ? entry->pw_dir : "/";
  if (!owner.drop) return owner;
  owner.uid = entry->pw_uid;
  owner.gid = entry->pw_gid;
  int count = 64;
  owner.groups.resize(static_cast<std::size_t>(count));
  if (getgrouplist("postgres", owner.gid, owner.groups.data(), &count) < 0) {
    owner.groups.resize(static_cast<std::size_t>(count));
    getgrouplist("postgres", owner.gid, owner.groups.data(), &count);
  }
  owner.groups.resize(static_cast<std::size_t>(count));
  return owner;
}

ActingAs::ActingAs(const ClusterOwner& owner) : active_(owner.drop) {
  if (!active_) return;
  setfsgid(owner.gid);
  setfsuid(owner.uid);
}

ActingAs::~ActingAs() {
  if (!active_) return;
  setfsuid(geteuid());
  setfsgid(getegid());
}

std::string server_program_folder(const std::string& major) {
  for (const auto& [version, folder] : installed_versions())
    if ((major.empty() || number_of(major) == version) && has_server(folder)) return folder;
  for (const auto& folder : search_path())
    if (has_server(folder)) return folder;
  throw Error(
      ExitCode::unavailable,
      fmt::format("no PostgreSQL{} server in /usr/lib/postgresql or PATH: install the package "
                  "\"postgresql-{}\"",
                  major.empty() ? "" : " " + major, major.empty() ? "15" : major));
}

std::string psql_program() {
  for (const auto& [version, folder] : installed_versions())
    if (is_program(folder / "psql")) return folder / "psql";
  for (const auto& folder : search_path())
    if (is_program(folder / "psql")) return folder / "psql";
  throw Error(ExitCode::unavailable,
              "no psql in /usr/lib/postgresql or PATH: install the package \"postgresql-client\"");
}

ProgramEnd run_program(const std::vector<std::string>& argv, const ClusterOwner& owner,
                       const std::string& input, int keep_open) {
  const auto program = prepare(argv, owner);
  const Descriptor in(file_holding(input));
  const Descriptor nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    throw Error(ExitCode::temporary, fmt::format("pipe: {}", std::strerror(errno)));
  const Descriptor reading(ends[0]);
  pid_t pid = -1;
  {
    const Descriptor writing(ends[1]);
    pid = fork_or_throw();
    if (pid == 0) {
      reset_signals();
      if (set_descriptors(in.fd, nowhere.fd, writing.fd, keep_open)) become(program, owner);
      _exit(127);
    }
  }
  ProgramEnd end;
  end.complaint = telling_line(read_all(reading.fd));
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  end.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return end;
}

pid_t start_server_program(const std::vector<std::string>& argv, const ClusterOwner& owner,
                           int log) {
  const auto program = prepare(argv, owner);
  const Descriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t pid = fork_or_throw();
  if (pid == 0) {
    setsid();
    reset_signals();
    if (set_descriptors(nothing.fd, log, log, -1)) become(program, owner);
    _exit(127);
  }
  return pid;
}

std::string telling_line(const std::string& text) {
  std::string last, error;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    last = line;
    for (const auto* mark : {"error:", "ERROR:", "FATAL:", "PANIC:"})
      if (const auto at = line.find(mark); at != std::string::npos) {
        const auto words = line.find_first_not_of(' ', at + std::strlen(mark));
        if (words != std::string::npos) error = line.substr(words);
      }
  }
  return escape_control(error.empty() ? last : error);
}

}  // namespace schedctl::db
