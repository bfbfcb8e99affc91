// Real processes for tests: started without a shell, always waited for, killed when a test ends
// early.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace schedctl::test {

using namespace std::chrono_literals;

// The schedctl of this build.
std::string binary();

struct ProcessOptions {
  // "NAME=value", on top of this process's environment without what would configure schedctl or
  // libpq (SCHEDCTL_*, SCHEDULER_*, PG*, DATABASE_URL). "NAME" alone takes the variable away.
  std::vector<std::string> env = {};
  std::string stdin_text = {};
  std::string cwd = {};  // empty: as this process
  // Root only: the user id and the only group id to run with.
  std::optional<uid_t> user = {};
};

struct ProcessResult {
  int exit_code = -1;  // -1 when ended by a signal
  int signal = 0;
  std::string out;
  std::string err;
};

class Process {
 public:
  Process(const std::vector<std::string>& argv, const ProcessOptions& options);
  ~Process();  // kills it if it still runs
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  pid_t pid() const { return pid_; }
  void kill(int signal);
  bool running();
  // What it has written so far.
  std::string out() const;
  std::string err() const;
  // Fails the test, and kills the process, when it has not ended within `deadline`.
  ProcessResult wait(std::chrono::milliseconds deadline = 120s);

 private:
  bool reap(bool block);

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::optional<int> status_;
  std::string name_;
};

Process start(const std::vector<std::string>& argv, const ProcessOptions& options = {});
ProcessResult run(const std::vector<std::string>& argv, const ProcessOptions& options = {});

// Waits until one of these has ended, at most `limit`.
void wait_for_any(const std::vector<const Process*>& processes, std::chrono::milliseconds limit);

// Asks `predicate` again and again until it holds; fails the test, saying what was waited for,
// after `deadline`.
void wait_until(const std::function<bool()>& predicate, const std::string& what,
                std::chrono::milliseconds deadline = 30s,
                std::chrono::milliseconds pause_between = 2ms);

// A new empty folder, removed with all it holds at the end of the scope. Others may pass through it
// (0755), so that the user postgres reaches a cluster in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // Writes a file with mode 0600 and returns its path.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

}  // namespace schedctl::test
