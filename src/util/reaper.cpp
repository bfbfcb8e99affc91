#include "util/reaper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <utility>

#include "util/descriptor.h"
#include "util/error.h"
#include "util/reaper_child.h"
#include "util/reaper_message.h"
#include "util/reaper_streams.h"
#include "util/spawn.h"
#include "util/survivors.h"

namespace schedctl {
namespace {

constexpr int kill_poll_ms = 50;
constexpr auto look_interval = std::chrono::milliseconds(250);
// So long after the last KILL was due, the reaper itself must have been stopped.
constexpr auto overdue_after = std::chrono::seconds(5);
constexpr auto idle_reaper_ends_within = std::chrono::seconds(1);
constexpr const char* lost_message = "the reaper of this place was killed";

ProcessEnd failed_start(ProcessEnd::Kind kind, std::string message) {
  ProcessEnd end;
  end.kind = kind;
  end.message = std::move(message);
  return end;
}

ProcessEnd failed_call(const char* what) {
  const int error = errno;
  return failed_start(
      is_shortage(error) ? ProcessEnd::Kind::no_resources : ProcessEnd::Kind::not_startable,
      fmt::format("cannot start a process: {}: {}", what, std::strerror(error)));
}

// Throws DataError that names the user.
Identity identity_of(const std::string& user) {
  if (::geteuid() != 0)
    throw DataError(fmt::format("user \"{}\": only root may run a command as another user", user));
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  while (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE)
    buffer.resize(buffer.size() * 2);
  if (!found) throw DataError(fmt::format("no such user: {}", user));
  Identity identity{entry.pw_uid, entry.pw_gid, {}};
  int count = 64;
  identity.groups.resize(static_cast<std::size_t>(count));
  if (::getgrouplist(user.c_str(), entry.pw_gid, identity.groups.data(), &count) < 0) {
    identity.groups.resize(static_cast<std::size_t>(count));
    ::getgrouplist(user.c_str(), entry.pw_gid, identity.groups.data(), &count);
  }
  identity.groups.resize(static_cast<std::size_t>(count));
  return identity;
}

bool holds_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

// Empty when the spec can be given to the kernel.
std::string fault_of(const ProcessSpec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty()) return "no program is named";
  if (std::any_of(spec.argv.begin(), spec.argv.end(), holds_nul)) return "an argument holds a NUL";
  if (std::any_of(spec.env.begin(), spec.env.end(), holds_nul))
    return "the environment holds a NUL";
  if (holds_nul(spec.cwd)) return "the folder holds a NUL";
  return "";
}

// The owner's side of one run.
class Conversation {
 public:
  Conversation(pid_t reaper, int socket, std::mutex& sending, const ProcessSpec& spec,
               const std::function<bool()>& kill_now, const Output& output)
      : reaper_(reaper),
        socket_(socket),
        sending_(sending),
        spec_(spec),
        kill_now_(kill_now),
        output_(output) {}

  // Empty when the start message is on its way; otherwise why not.
  std::optional<ProcessEnd> start(const std::stop_token& stop, int held);
  // Empty when the reaper is gone, or does not answer.
  std::optional<ProcessEnd> wait(const std::stop_token& stop);
  bool reaper_is_gone() const { return gone_; }
  // What can be told of the end of a command whose reaper cannot tell it.
  ProcessEnd end_without_reaper() const;
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void read_output(bool all);
  void ask_to_stop();
  void ask_to_kill();
  void send(MessageType type);
  void expect_end_within(Duration limit);
  void look_after_the_reaper();
  int poll_limit_ms() const;

  const pid_t reaper_;
  const int socket_;
  std::mutex& sending_;
  const ProcessSpec& spec_;
  const std::function<bool()>& kill_now_;
  const Output& output_;
  OutputPipe out_{1}, err_{2};
  std::unique_ptr<char[]> buffer_{new char[output_read_size]};
  std::exception_ptr failure_;  // of the output function
  Descriptor stop_event_;
  std::optional<Clock::time_point> overdue_at_;  // then whoever has not answered never will
  Clock::time_point look_at_ = Clock::now() + look_interval;
  bool stopping_ = false, killed_ = false, gone_ = false, overdue_ = false;
};

std::optional<ProcessEnd> Conversation::start(const std::stop_token& stop, int held) {
  StartRequest request;
  if (!spec_.user.empty()) request.identity = identity_of(spec_.user);
  auto out = out_.open();
  auto err = err_.open();
  if (!out || !err) return failed_call("pipe");
  request.out = std::move(*out);
  request.err = std::move(*err);
  if (!spec_.stdin_data.empty()) {
    auto in = sealed_file(spec_.stdin_data);
    if (!in) return failed_call("standard input");
    request.in = std::move(*in);
  }
  // So that a command that is not root may open /dev/stdout as well as write to it.
  if (request.identity)
    for (const auto* end : {&request.out, &request.err})
      if (::fchown(end->get(), request.identity->uid, request.identity->gid) != 0)
        return failed_call("pipe");
  if (held >= 0) {
    request.held.reset(::fcntl(held, F_DUPFD_CLOEXEC, 3));
    if (!request.held) return failed_call("place");
  }
  if (stop.stop_possible()) {
    stop_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop_event_) return failed_call("event");
  }
  if (spec_.timeout) expect_end_within(*spec_.timeout + spec_.kill_grace);
  const std::lock_guard lock(sending_);
  if (send_start(socket_, spec_, request)) return std::nullopt;
  gone_ = !is_shortage(errno);
  if (!gone_) return failed_call("reaper");
  return failed_start(ProcessEnd::Kind::no_resources, lost_message);
}

std::optional<ProcessEnd> Conversation::wait(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [fd = stop_event_.get()] { ::eventfd_write(fd, 1); });
  for (;;) {
    pollfd events[] = {{socket_, POLLIN, 0},
                       {out_.get(), POLLIN, 0},
                       {err_.get(), POLLIN, 0},
                       {stopping_ ? -1 : stop_event_.get(), POLLIN, 0}};
    ::poll(events, 4, poll_limit_ms());
    if (Clock::now() >= look_at_) look_after_the_reaper();
    if (events[3].revents != 0) ask_to_stop();
    if (stopping_ && !killed_ && kill_now_ && kill_now_()) ask_to_kill();
    if (events[1].revents != 0 || events[2].revents != 0) read_output(false);
    if (events[0].revents == 0) {
      overdue_ = overdue_at_ && Clock::now() >= *overdue_at_;
      if (overdue_) return std::nullopt;
      continue;
    }
    const auto message = receive_message(socket_);
    read_output(true);
    if (!message) return std::nullopt;
    return decode_end(*message);
  }
}

// A command may stop the process that watches over it, and then nobody would notice its end.
void Conversation::look_after_the_reaper() {
  look_at_ = Clock::now() + look_interval;
  siginfo_t info{};
  const auto id = static_cast<id_t>(reaper_);
  if (::waitid(P_PID, id, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid == reaper_)
    ::kill(reaper_, SIGCONT);
}

int Conversation::poll_limit_ms() const {
  if (stopping_ && !killed_ && kill_now_) return kill_poll_ms;
  const auto until = overdue_at_ ? std::min(*overdue_at_, look_at_) : look_at_;
  return static_cast<int>(
      std::max(std::chrono::ceil<Duration>(until - Clock::now()), Duration::zero()).count());
}

// The sooner of two ends counts.
void Conversation::expect_end_within(Duration limit) {
  constexpr Duration longest = std::chrono::hours(24 * 365);  // no sum with it overflows
  const auto at = Clock::now() + std::min(limit, longest) + overdue_after;
  overdue_at_ = overdue_at_ ? std::min(*overdue_at_, at) : at;
}

ProcessEnd Conversation::end_without_reaper() const {
  auto end = failed_start(ProcessEnd::Kind::reaper_lost,
                          overdue_ ? "the process that watched over the command did not answer"
                                   : "the process that watched over the command was killed");
  end.stopped = overdue_ && stopping_;
  end.timed_out = overdue_ && !stopping_;
  return end;
}

// The command must be gone before an exception of the output function may leave the run.
void Conversation::read_output(bool all) {
  if (failure_) return;
  try {
    for (auto* pipe : {&out_, &err_})
      all ? pipe->drain(buffer_.get(), output_) : void(pipe->read(buffer_.get(), output_));
  } catch (...) {
    failure_ = std::current_exception();
    if (!all) ask_to_kill();
  }
}

void Conversation::ask_to_stop() {
  stopping_ = true;
  send(MessageType::stop);
  expect_end_within(spec_.kill_grace);
}

void Conversation::ask_to_kill() {
  killed_ = true;
  send(MessageType::kill);
  expect_end_within(Duration::zero());
}

void Conversation::send(MessageType type) {
  const std::lock_guard lock(sending_);
  send_message(socket_, type);
}

}  // namespace

Reaper::Reaper(const std::vector<int>& keep_open, const OwnerSigns* signs, Duration fence_after)
    : signs_(signs) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error(ExitCode::temporary,
                fmt::format("cannot start a reaper: socketpair: {}", std::strerror(errno)));
  Descriptor own(ends[0]), other(ends[1]);
  // The orphans of a reaper that is killed come to this process, which then ends them.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t all, before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) serve_as_reaper({other.get(), keep_open, signs, fence_after});
  const int error = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0)
    throw Error(ExitCode::temporary,
                fmt::format("cannot start a reaper: fork: {}", std::strerror(error)));
  pid_ = pid;
  socket_ = own.release();
  survivors::spare(pid_);
}

Reaper::~Reaper() {
  if (socket_ < 0) return;
  ::close(socket_);
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd event{process.get(), POLLIN, 0};
  // Somebody may have stopped it.
  if (::poll(&event, 1, static_cast<int>(Duration(idle_reaper_ends_within).count())) != 1)
    ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  survivors::forget(pid_);
}

Reaper::Reaper(Reaper&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      socket_(std::exchange(other.socket_, -1)),
      signs_(other.signs_),
      sending_(std::move(other.sending_)) {}

Reaper& Reaper::operator=(Reaper&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(socket_, other.socket_);
  std::swap(signs_, other.signs_);
  std::swap(sending_, other.sending_);
  return *this;
}

ProcessEnd Reaper::run(const ProcessSpec& spec, const std::stop_token& stop,
                       const std::function<bool()>& kill_now, const Output& output, int held) {
  using Kind = ProcessEnd::Kind;
  if (socket_ < 0) return failed_start(Kind::no_resources, lost_message);
  if (const auto fault = fault_of(spec); !fault.empty())
    return failed_start(Kind::not_startable, fault);

  const auto begin = survivors::now_ticks();
  Conversation conversation(pid_, socket_, *sending_, spec, kill_now, output);
  try {
    if (const auto failure = conversation.start(stop, held)) {
      if (conversation.reaper_is_gone()) lose(begin);
      return *failure;
    }
  } catch (const DataError& error) {
    return failed_start(Kind::not_startable, error.what());
  }
  auto end = conversation.wait(stop);
  if (!end) {
    lose(begin);
    end = conversation.end_without_reaper();
  }
  conversation.rethrow();
  return *end;
}

bool Reaper::watch_session(int socket) {
  const std::unique_lock lock(*sending_, std::try_to_lock);
  if (!lock) return false;
  if (socket_ < 0 || !signs_) return true;  // nobody to tell, nothing to judge by
  return send_session(socket_, socket, signs_->losses_noticed.load()) || errno != EAGAIN;
}

// The reaper is gone or dying: its socket is closed.
void Reaper::lose(std::uint64_t begin_ticks) {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  survivors::forget(pid_);
  {
    const std::lock_guard lock(*sending_);
    ::close(std::exchange(socket_, -1));
  }
  pid_ = -1;
  survivors::end_since(begin_ticks);
}

}  // namespace schedctl
