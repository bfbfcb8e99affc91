#include "util/reaper_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "util/process_tree.h"
#include "util/reaper_message.h"
#include "util/session_watch.h"
#include "util/spawn.h"

namespace schedctl {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using Instant = steady_clock::time_point;

constexpr Duration memory_interval = 100ms;
constexpr Duration lease_interval = 250ms;
constexpr Duration longest_wait = 1h;
// Enough for every limit, and no sum with it overflows.
constexpr Duration longest_limit = std::chrono::hours(24 * 365 * 10);

Instant after(Duration duration) { return steady_clock::now() + std::min(duration, longest_limit); }

bool is_due(const std::optional<Instant>& instant) {
  return instant && steady_clock::now() >= *instant;
}

std::int64_t boot_time_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

std::int64_t microseconds(const timeval& time) { return time.tv_sec * 1'000'000LL + time.tv_usec; }

void watch(SessionWatch& session, Message message) {
  auto news = decode_session(std::move(message));
  session.begin(std::move(news.socket), news.losses_before);
}

// One command and its tree, from the start to the last process.
class Run {
 public:
  Run(const ReaperSetup& setup, SessionWatch& session, int child_signals, StartRequest request)
      : setup_(setup),
        session_(session),
        child_signals_(child_signals),
        request_(std::move(request)) {}

  // Returns when the whole tree is gone.
  ProcessEnd operator()();

 private:
  void set_timers();
  void wait_for_event();
  void take_order();
  void check_timers();
  void check_memory();
  bool lease_is_over() const;
  void begin_end();
  void end_without_owner(const char* why);
  void kill_tree();
  bool reap();
  bool reap_until_quiet();
  bool wait_for_child_signal(Duration longest) const;
  void account(pid_t pid, int status, const rusage& usage);
  ProcessEnd finish();
  bool end_has_begun() const { return end_.timed_out || end_.over_memory || end_.stopped; }

  const ReaperSetup& setup_;
  SessionWatch& session_;
  const int child_signals_;
  StartRequest request_;
  ProcessEnd end_;
  pid_t child_ = -1;
  std::optional<int> status_;  // of the child, once it has ended
  std::int64_t cpu_us_ = 0;
  std::optional<Instant> timeout_at_, kill_at_, memory_at_, lease_at_;
};

ProcessEnd Run::operator()() {
  child_ = spawn(request_);
  const int error = errno;
  request_.in.reset();
  request_.out.reset();
  request_.err.reset();
  if (child_ < 0) {
    const auto failure = not_started(error);
    end_.kind = failure.kind;
    end_.message = failure.message;
    return end_;
  }
  set_timers();
  while (!status_) wait_for_event();
  kill_tree();
  return finish();
}

void Run::set_timers() {
  const auto& spec = request_.spec;
  if (spec.timeout) timeout_at_ = after(*spec.timeout);
  if (spec.memory_limit_bytes) memory_at_ = after(memory_interval);
  if (setup_.signs) lease_at_ = after(lease_interval);
}

void Run::wait_for_event() {
  auto until = after(longest_wait);
  for (const auto& timer : {timeout_at_, kill_at_, memory_at_, lease_at_, session_.due()})
    if (timer) until = std::min(until, *timer);
  const auto wait = std::chrono::ceil<Duration>(until - steady_clock::now());
  pollfd events[] = {{child_signals_, POLLIN, 0},
                     {setup_.socket, POLLIN, 0},
                     {session_.descriptor(), POLLRDHUP, 0}};
  ::poll(events, 3, static_cast<int>(std::max(wait, Duration::zero()).count()));
  if (events[0].revents != 0 && wait_for_child_signal(0ms)) reap();
  if (events[2].revents != 0) session_.session_has_ended();
  if (events[1].revents != 0) take_order();
  if (!status_) check_timers();
}

void Run::take_order() {
  auto message = receive_message(setup_.socket);
  if (!message) {
    kill_tree();
    ::_exit(0);
  }
  if (message->type == MessageType::kill) kill_tree();
  if (message->type == MessageType::session) watch(session_, std::move(*message));
  if (message->type == MessageType::stop && !status_ && !end_has_begun()) {
    end_.stopped = true;
    begin_end();
  }
}

void Run::check_timers() {
  if (is_due(timeout_at_)) {
    timeout_at_.reset();
    if (!end_has_begun()) {
      end_.timed_out = true;
      begin_end();
    }
  }
  if (is_due(kill_at_)) {
    kill_at_.reset();
    kill_tree();
  }
  if (is_due(memory_at_)) check_memory();
  if (is_due(lease_at_)) {
    lease_at_ = after(lease_interval);
    if (lease_is_over()) end_without_owner("lease not renewed");
  }
  if (session_.owner_is_absent()) end_without_owner("session lost");
}

void Run::end_without_owner(const char* why) {
  if (!end_has_begun()) end_.stopped = true;
  end_.message = why;
  kill_tree();
}

void Run::check_memory() {
  memory_at_ = after(memory_interval);
  const auto resident = descendants_rss_bytes();
  end_.peak_rss_bytes = std::max(end_.peak_rss_bytes, resident);
  if (resident <= *request_.spec.memory_limit_bytes) return;
  if (!end_has_begun()) end_.over_memory = true;
  kill_tree();
}

bool Run::lease_is_over() const {
  const auto renewed = setup_.signs->last_renewal.load();
  const auto patience = std::chrono::nanoseconds(setup_.fence_after).count();
  return renewed != 0 && boot_time_ns() - renewed > patience;
}

// A stopped process hears TERM only when it goes on.
void Run::begin_end() {
  signal_descendants({SIGTERM, SIGCONT});
  kill_at_ = after(request_.spec.kill_grace);
}

// Round by round, because what is killed hands its children over to this process, and because a
// tree may grow while it is walked. A process that may not be signalled (a program that became
// another user) is left after a while: it must not hold up this place for ever.
void Run::kill_tree() {
  for (int round = 0; reap(); ++round) {
    if (round > 0) freeze_descendants();
    const auto sent = signal_descendants({SIGKILL});
    const bool all_refused = sent.found > 0 && sent.refused == sent.found;
    if (!reap_until_quiet() || (all_refused && round >= 5) || (sent.refused > 0 && round >= 50))
      return;
  }
}

// False when no child is left, and so no descendant: orphans come to this process.
bool Run::reap() {
  for (;;) {
    int status = 0;
    rusage usage{};
    const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
    if (pid <= 0) return pid == 0;
    account(pid, status, usage);
  }
}

// True when children are left, but none has ended for a while, or they keep coming.
bool Run::reap_until_quiet() {
  const auto enough = after(100ms);
  while (reap())
    if (!wait_for_child_signal(20ms) || is_due(enough)) return true;
  return false;
}

bool Run::wait_for_child_signal(Duration longest) const {
  pollfd event{child_signals_, POLLIN, 0};
  if (longest > 0ms && ::poll(&event, 1, static_cast<int>(longest.count())) <= 0) return false;
  signalfd_siginfo info;
  return ::read(child_signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info);
}

void Run::account(pid_t pid, int status, const rusage& usage) {
  cpu_us_ += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  end_.peak_rss_bytes = std::max<std::int64_t>(end_.peak_rss_bytes, usage.ru_maxrss * 1024LL);
  if (pid == child_) status_ = status;
}

ProcessEnd Run::finish() {
  end_.cpu_ms = (cpu_us_ + 500) / 1000;
  if (const auto failure = failure_of_last_spawn(request_)) {
    end_.kind = failure->kind;
    end_.message = failure->message;
  } else if (WIFSIGNALED(*status_)) {
    end_.kind = ProcessEnd::Kind::signalled;
    end_.signal = WTERMSIG(*status_);
  } else {
    end_.kind = ProcessEnd::Kind::exited;
    end_.exit_code = WEXITSTATUS(*status_);
  }
  request_.held.reset();
  return std::move(end_);
}

// Out of reach of the terminal's signals and of `kill 0`, closed to debuggers, and without anything
// of the owner but what it is told to keep.
void leave_the_owner(ReaperSetup& setup) {
  ::setsid();
  ::prctl(PR_SET_NAME, "schedctl-reaper");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // Whoever has stopped this process must not keep it from noticing the owner's end.
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  for (int number = 1; number < NSIG; ++number)
    if (number != SIGKILL && number != SIGSTOP) ::signal(number, SIG_DFL);
  if (::chdir("/") != 0) ::_exit(70);
  if (setup.socket < 3) setup.socket = ::fcntl(setup.socket, F_DUPFD_CLOEXEC, 3);
}

void close_inherited(const ReaperSetup& setup) {
  auto keep = setup.keep_open;
  keep.push_back(setup.socket);
  std::sort(keep.begin(), keep.end());
  unsigned next = 3;
  for (const int fd : keep) {
    if (fd < static_cast<int>(next)) continue;
    if (static_cast<unsigned>(fd) > next) ::close_range(next, static_cast<unsigned>(fd) - 1, 0);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    next = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(next, ~0U, 0);
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd)
    if (::dup2(null, fd) < 0) ::_exit(70);
  if (null > 2) ::close(null);
}

int open_child_signals() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  return ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

ProcessEnd serve(const ReaperSetup& setup, SessionWatch& session, int child_signals,
                 Message message) {
  StartRequest request;
  if (decode_start(std::move(message), request))
    return Run(setup, session, child_signals, std::move(request))();
  ProcessEnd end;
  end.kind = ProcessEnd::Kind::no_resources;
  end.message = "no descriptors left to start a process";
  return end;
}

}  // namespace

void serve_as_reaper(const ReaperSetup& given) {
  try {
    ReaperSetup setup = given;
    leave_the_owner(setup);
    close_inherited(setup);
    const int child_signals = open_child_signals();
    if (child_signals < 0) ::_exit(70);
    SessionWatch session(setup.signs);
    while (auto message = receive_message(setup.socket)) {
      if (message->type == MessageType::session) watch(session, std::move(*message));
      // What a run was told after its end is of no use to the next.
      if (message->type != MessageType::start) continue;
      if (!send_end(setup.socket, serve(setup, session, child_signals, std::move(*message)))) break;
    }
  } catch (...) {
    ::_exit(
        70);  // no memory: the command dies with its parent, the owner sees the end of this process
  }
  ::_exit(0);
}

}  // namespace schedctl
