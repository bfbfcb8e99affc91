#include "support/terminal.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

namespace schedctl::test {
namespace {

constexpr auto patience = 30s;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

}  // namespace

Terminal::Terminal(const std::vector<std::string>& argv, const std::vector<std::string>& env) {
  const auto arguments = pointers(argv), variables = pointers(env);
  pid_ = forkpty(&fd_, nullptr, nullptr, nullptr);
  if (pid_ == 0) {
    signal(SIGINT, SIG_DFL);
    execvpe(arguments[0], arguments.data(), variables.data());
    _exit(127);
  }
  REQUIRE(pid_ > 0);
}

Terminal::~Terminal() {
  if (fd_ >= 0) close(fd_);
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

bool Terminal::read_some() {
  pollfd waiting{fd_, POLLIN, 0};
  if (poll(&waiting, 1, 100) == 0) return true;
  char buffer[4096];
  const auto count = read(fd_, buffer, sizeof buffer);
  if (count > 0) screen_.append(buffer, static_cast<std::size_t>(count));
  return count > 0;
}

void Terminal::expect(const std::string& text) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (const auto at = screen_.find(text, seen_); at != std::string::npos) {
      seen_ = at + text.size();
      return;
    }
    const bool open = read_some();
    if ((!open && screen_.find(text, seen_) == std::string::npos) ||
        std::chrono::steady_clock::now() > until)
      FAIL("waited for \"" << text << "\" on the terminal, which shows: " << screen_);
  }
}

void Terminal::type(const std::string& line) {
  const auto keys = line + "\n";
  REQUIRE(write(fd_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
}

void Terminal::end_of_input() { REQUIRE(write(fd_, "\x04", 1) == 1); }

int Terminal::exit_code() {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (read_some())
    if (std::chrono::steady_clock::now() > until) FAIL("it does not end: " << screen_);
  int status = 0;
  REQUIRE(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace schedctl::test
