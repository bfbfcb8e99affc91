// Real commands under a real reaper, and ways to wait for the end of any process.
#pragma once

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "util/descriptor.h"
#include "util/reaper.h"

namespace schedctl::test {

using Kind = ProcessEnd::Kind;

inline ProcessSpec command(std::vector<std::string> argv) {
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.env = {"PATH=/usr/local/bin:/usr/bin:/bin"};
  return spec;
}

inline ProcessSpec shell(const std::string& script) { return command({"/bin/sh", "-c", script}); }

struct Ran {
  ProcessEnd end;
  std::string out, err;
  std::chrono::milliseconds took{0};
};

inline Ran run(Reaper& reaper, const ProcessSpec& spec, std::stop_token stop = {},
               const std::function<bool()>& kill_now = {}) {
  Ran ran;
  const auto begin = std::chrono::steady_clock::now();
  ran.end = reaper.run(spec, std::move(stop), kill_now, [&](int fd, std::string_view bytes) {
    (fd == 1 ? ran.out : ran.err).append(bytes);
  });
  ran.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  return ran;
}

inline std::vector<pid_t> numbers(const std::string& text) {
  std::istringstream words(text);
  std::vector<pid_t> pids;
  for (pid_t pid = 0; words >> pid;) pids.push_back(pid);
  return pids;
}

// Whether the process has ended (a zombie has) within the time.
inline bool ends_within(pid_t pid, std::chrono::milliseconds longest) {
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return true;
  pollfd event{process.get(), POLLIN, 0};
  return ::poll(&event, 1, static_cast<int>(longest.count())) == 1;
}

inline bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = "/tmp/schedctl-test-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name, const std::string& content, mode_t mode) const {
    const auto path = path_ + "/" + name;
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace schedctl::test
