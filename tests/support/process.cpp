#include "support/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

namespace schedctl::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string name_of(const std::string& variable) { return variable.substr(0, variable.find('=')); }

bool configures_the_product(const std::string& name) {
  return name.starts_with("SCHEDCTL_") || name.starts_with("SCHEDULER_") ||
         name.starts_with("PG") || name == "DATABASE_URL" || name == "CREDENTIALS_DIRECTORY";
}

std::vector<std::string> environment_for(const std::vector<std::string>& changes) {
  std::vector<std::string> all;
  for (char** variable = environ; *variable; ++variable)
    if (!configures_the_product(name_of(*variable))) all.emplace_back(*variable);
  for (const auto& change : changes) {
    std::erase_if(all, [&](const auto& have) { return name_of(have) == name_of(change); });
    if (change.find('=') != std::string::npos) all.push_back(change);
  }
  return all;
}

int memory_file(const std::string& content) {
  const int fd = memfd_create("test", MFD_CLOEXEC);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string content_of(int fd) {
  struct stat found {};
  fstat(fd, &found);
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  const auto count = pread(fd, text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

// The test's own handlers must not hear a signal that is meant for what the child becomes.
void restore_signals(const sigset_t& mask) {
  for (const int number : {SIGINT, SIGILL, SIGFPE, SIGSEGV, SIGTERM, SIGABRT, SIGPIPE})
    ::signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
}

[[noreturn]] void become(char* const* argv, char* const* env, const char* cwd,
                         std::optional<uid_t> user, int in, int out, int err) {
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  const bool dropped =
      !user || (setgroups(0, nullptr) == 0 && setgid(*user) == 0 && setuid(*user) == 0);
  if (dropped && (!*cwd || chdir(cwd) == 0)) execvpe(argv[0], argv, env);
  dprintf(2, "%s: %s\n", argv[0], strerrordesc_np(errno));
  _exit(127);
}

}  // namespace

std::string binary() { return SCHEDCTL_BINARY; }

Process::Process(const std::vector<std::string>& argv, const ProcessOptions& options)
    : out_(memory_file("")), err_(memory_file("")), name_(argv.at(0)) {
  const auto env = environment_for(options.env);
  const auto arguments = pointers(argv), variables = pointers(env);
  const int in = memory_file(options.stdin_text);
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_ = fork();
  if (pid_ == 0) {
    restore_signals(before);
    become(arguments.data(), variables.data(), options.cwd.c_str(), options.user, in, out_, err_);
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  close(in);
  REQUIRE(pid_ > 0);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_(std::exchange(other.out_, -1)),
      err_(std::exchange(other.err_, -1)),
      status_(other.status_),
      name_(std::move(other.name_)) {}

Process::~Process() {
  if (pid_ > 0 && !status_) {
    ::kill(pid_, SIGKILL);
    reap(true);
  }
  if (out_ >= 0) close(out_);
  if (err_ >= 0) close(err_);
}

void Process::kill(int signal) {
  if (running()) ::kill(pid_, signal);
}

bool Process::running() { return !status_ && !reap(false); }

std::string Process::out() const { return content_of(out_); }
std::string Process::err() const { return content_of(err_); }

bool Process::reap(bool block) {
  int status = 0;
  pid_t ended = 0;
  do ended = waitpid(pid_, &status, block ? 0 : WNOHANG);
  while (ended < 0 && errno == EINTR);
  if (ended == pid_) status_ = status;
  return ended == pid_;
}

ProcessResult Process::wait(std::chrono::milliseconds deadline) {
  wait_until([&] { return !running(); }, name_ + " to end; it said: " + err(), deadline);
  ProcessResult result;
  result.out = out();
  result.err = err();
  if (WIFSIGNALED(*status_))
    result.signal = WTERMSIG(*status_);
  else
    result.exit_code = WEXITSTATUS(*status_);
  return result;
}

Process start(const std::vector<std::string>& argv, const ProcessOptions& options) {
  return Process(argv, options);
}

ProcessResult run(const std::vector<std::string>& argv, const ProcessOptions& options) {
  return Process(argv, options).wait();
}

void wait_for_any(const std::vector<const Process*>& processes, std::chrono::milliseconds limit) {
  std::vector<pollfd> ends;
  for (const auto* process : processes) {
    const auto fd = static_cast<int>(syscall(SYS_pidfd_open, process->pid(), 0));
    REQUIRE(fd >= 0);
    ends.push_back({fd, POLLIN, 0});
  }
  poll(ends.data(), ends.size(), static_cast<int>(std::max<std::int64_t>(limit.count(), 0)));
  for (const auto& end : ends) close(end.fd);
}

void wait_until(const std::function<bool()>& predicate, const std::string& what,
                std::chrono::milliseconds deadline, std::chrono::milliseconds pause_between) {
  const auto until = Clock::now() + deadline;
  while (!predicate()) {
    if (Clock::now() > until) FAIL("waited " << deadline.count() << " ms for " << what);
    std::this_thread::sleep_for(pause_between);
  }
}

TempDir::TempDir() : path_((std::filesystem::temp_directory_path() / "schedctl-XXXXXX").string()) {
  REQUIRE(mkdtemp(path_.data()) != nullptr);
  REQUIRE(chmod(path_.c_str(), 0755) == 0);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::write(const std::string& name, const std::string& content) const {
  const auto path = path_ + "/" + name;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);
  REQUIRE(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  close(fd);
  return path;
}

}  // namespace schedctl::test
