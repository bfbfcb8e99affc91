// Reaper: a small process, forked before any thread exists, that starts commands one after the
// other and answers for their whole process trees: it is a child subreaper, so nothing that a
// command leaves behind escapes it (setsid, double fork), and it ends everything when its owner is
// gone. Source: prctl(2) PR_SET_CHILD_SUBREAPER, unix(7) SCM_RIGHTS, wait4(2).
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "util/clock.h"

namespace schedctl {

struct ProcessSpec {
  std::vector<std::string>
      argv;  // argv[0] is looked up in PATH of `env` when it has no slash; never a shell
  std::vector<std::string> env;  // "NAME=value", the whole environment
  std::string stdin_data;        // any size; the process finds end-of-file after it
  std::string cwd = "/";
  int umask = 022;
  std::optional<int> nice;
  std::string user;  // drop to this user with all its groups, no way back
  std::optional<Duration> cpu_limit;
  std::optional<std::int64_t> memory_limit_bytes;  // of the tree, sampled
  std::optional<Duration>
      timeout;  // from the start; then TERM, `kill_grace` later KILL to the tree
  Duration kill_grace = std::chrono::seconds(5);
};

struct ProcessEnd {
  enum class Kind {
    exited,         // exit_code
    signalled,      // signal
    not_startable,  // no such program, no right to run it, no such user or folder: message says
                    // which
    not_now,       // this command alone cannot be started now: its program is being written, or its
                   // user has too many processes
    no_resources,  // fork, pipe or exec failed for want of memory, processes or descriptors: try
                   // again later
    reaper_lost,   // the reaper itself was killed; or stopped, so that it had to be killed
  };
  Kind kind = Kind::exited;
  int exit_code = 0;
  int signal = 0;
  bool timed_out = false;    // the timeout began the end
  bool over_memory = false;  // the memory limit began the end
  bool stopped = false;      // the stop token began the end
  std::string message;
  std::int64_t cpu_ms = 0;  // of the process and all it waited for
  std::int64_t peak_rss_bytes = 0;
};

// What an owner shares with its reapers, who have to judge by it when it does nothing any more.
struct OwnerSigns {
  // CLOCK_BOOTTIME nanoseconds of the last acknowledged renewal of the lease; 0: not watched.
  std::atomic<std::int64_t> last_renewal{0};
  // How often the owner has noticed that its session was lost, and acts on it.
  std::atomic<std::int64_t> losses_noticed{0};
};

// Others may take the jobs of an owner whose session has ended soon after this.
inline constexpr Duration session_patience{400};

class Reaper {
 public:
  // Forks. Must be called while the process has one thread. `keep_open` are descriptors that the
  // reaper holds as long as it lives (the worker's lock); all others are closed in it. `signs` lie
  // in memory shared with the owner, null: none; when the last renewal is older than `fence_after`,
  // the reaper kills the running tree on its own clock.
  Reaper(const std::vector<int>& keep_open, const OwnerSigns* signs, Duration fence_after);
  ~Reaper();  // ends the reaper and waits for it
  Reaper(Reaper&&) noexcept;
  Reaper& operator=(Reaper&&) noexcept;

  // Runs one process and waits until its whole tree is gone. `output` is called on this thread with
  // what arrives on stdout (fd 1) and stderr (fd 2), in arrival order, and is not waited for once
  // the process has ended, even if somebody holds the pipe open. When `stop` fires, the tree gets
  // TERM and `kill_grace` later KILL; `kill_now` asks for KILL at once. `held` is a descriptor that
  // the reaper keeps open until the tree is gone (the place's lock); -1: none.
  ProcessEnd run(const ProcessSpec& spec, const std::stop_token& stop,
                 const std::function<bool()>& kill_now,
                 const std::function<void(int fd, std::string_view bytes)>& output, int held = -1);

  // From now on this is the session that the owner's claims depend on: when the server ends it and
  // the owner does not notice within `session_patience`, the running tree is killed. False: not
  // now, to be tried again. Never waits; thread-safe, also while a command runs.
  bool watch_session(int socket);

  // -1 once the reaper has been lost: every later run ends with no_resources.
  pid_t pid() const { return pid_; }

 private:
  void lose(std::uint64_t begin_ticks);

  pid_t pid_ = -1;
  int socket_ = -1;
  const OwnerSigns* signs_ = nullptr;
  std::unique_ptr<std::mutex> sending_ = std::make_unique<std::mutex>();  // to the socket
};

}  // namespace schedctl
