#include "util/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "util/trust.h"

namespace schedctl {
namespace {

constexpr std::string_view default_path = "/usr/local/bin:/usr/bin:/bin";

enum class Step { none, session, standard_streams, limits, nice, user, folder, trust, exec };

// What the child leaves behind when it cannot become the command. Shared memory, so that it is read
// whether the child was made by vfork or, as sanitizers prefer, by fork.
struct Failure {
  Step step = Step::none;
  int error = 0;
};

// Everything the child needs, made before it exists: between vfork and exec it may not allocate.
struct Plan {
  const StartRequest* request = nullptr;
  std::vector<std::string> candidates;  // the program's possible places
  std::vector<std::string> folders;     // they lie in these
  Owners owners;
  std::vector<char*> argv;
  std::vector<char*> env;
  std::optional<rlimit> cpu;
  bool default_oom_score = false;
  pid_t parent = -1;
  Failure* failure = nullptr;
};

Failure* shared_failure() {
  static auto* const failure = static_cast<Failure*>(
      ::mmap(nullptr, sizeof(Failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return failure == MAP_FAILED ? nullptr : failure;
}

// A worker that is protected from the kernel's memory killer does not protect what it runs.
bool oom_score_is_lowered() {
  static const bool lowered = [] {
    char text[16] = {};
    const Descriptor file(::open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC));
    return file && ::read(file.get(), text, sizeof text - 1) > 0 && text[0] == '-';
  }();
  return lowered;
}

std::string_view path_of(const std::vector<std::string>& env) {
  for (const auto& entry : env)
    if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
  return default_path;
}

std::vector<std::string> places_of(const std::string& program, std::string_view path) {
  if (program.empty() || program.find('/') != std::string::npos) return {program};
  std::vector<std::string> places;
  for (;;) {
    const auto colon = path.find(':');
    const auto folder = path.substr(0, colon);
    places.push_back(fmt::format("{}/{}", folder.empty() ? "." : folder, program));
    if (colon == std::string_view::npos) return places;
    path.remove_prefix(colon + 1);
  }
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The kernel sends SIGXCPU at the first limit, each second after it, and SIGKILL at the second.
rlimit cpu_limit_of(const ProcessSpec& spec) {
  const auto seconds = std::max<std::int64_t>(1, (spec.cpu_limit->count() + 999) / 1000);
  const auto grace = std::max<std::int64_t>(1, (spec.kill_grace.count() + 999) / 1000);
  rlimit own{};
  ::getrlimit(RLIMIT_CPU, &own);
  return {std::min<rlim_t>(static_cast<rlim_t>(seconds), own.rlim_max),
          std::min<rlim_t>(static_cast<rlim_t>(seconds + grace), own.rlim_max)};
}

[[noreturn]] void give_up(const Plan& plan, Step step) {
  plan.failure->step = step;
  plan.failure->error = errno;
  ::_exit(127);
}

// By the bare system calls: the library's functions would change the identity of the parent's
// threads, whose memory this still is.
void become(const Plan& plan, const Identity& identity) {
  if (::syscall(SYS_setgroups, identity.groups.size(), identity.groups.data()) != 0 ||
      ::syscall(SYS_setresgid, identity.gid, identity.gid, identity.gid) != 0 ||
      ::syscall(SYS_setresuid, identity.uid, identity.uid, identity.uid) != 0)
    give_up(plan, Step::user);
  if (identity.uid != 0 &&
      (::syscall(SYS_setresuid, -1, 0, -1) == 0 || ::syscall(SYS_setresuid, 0, -1, -1) == 0)) {
    errno = EPERM;
    give_up(plan, Step::user);
  }
}

void set_streams(const Plan& plan) {
  const auto& request = *plan.request;
  if ((request.in && ::dup2(request.in.get(), 0) < 0) || ::dup2(request.out.get(), 1) < 0 ||
      ::dup2(request.err.get(), 2) < 0 || ::close_range(3, ~0U, 0) != 0)
    give_up(plan, Step::standard_streams);
}

void set_limits(const Plan& plan) {
  const rlimit no_core{0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0 ||
      (plan.cpu && ::setrlimit(RLIMIT_CPU, &*plan.cpu) != 0))
    give_up(plan, Step::limits);
  if (plan.default_oom_score) {
    const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
      if (::write(file, "0", 1) != 1) errno = 0;  // best effort: raising it needs no right
      ::close(file);
    }
  }
}

// As execvpe(3), but a file without a known format is not given to a shell.
[[noreturn]] void exec_first(const Plan& plan) {
  int error = ENOENT;
  for (std::size_t i = 0; i < plan.candidates.size(); ++i) {
    const auto& place = plan.candidates[i];
    if (distrust_of(place.c_str(), plan.folders[i].c_str(), plan.owners) != Distrust::none) {
      errno = EPERM;
      give_up(plan, Step::trust);
    }
    ::execve(place.c_str(), plan.argv.data(), plan.env.data());
    if (errno == EACCES) error = EACCES;
    const bool elsewhere = errno == EACCES || errno == ENOENT || errno == ENOTDIR ||
                           errno == ENAMETOOLONG || errno == ESTALE || errno == ENODEV;
    if (elsewhere) continue;
    error = errno;
    break;
  }
  errno = error;
  give_up(plan, Step::exec);
}

[[noreturn]] void become_command(const Plan& plan) {
  const auto& request = *plan.request;
  const auto& spec = request.spec;
  if (::setsid() < 0) give_up(plan, Step::session);
  set_streams(plan);
  set_limits(plan);
  ::umask(static_cast<mode_t>(spec.umask));
  if (spec.nice && ::setpriority(PRIO_PROCESS, 0, *spec.nice) != 0) give_up(plan, Step::nice);
  if (request.identity) become(plan, *request.identity);
  // After the change of identity, which clears it. A parent that ended before this line sends
  // nothing.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);
  if (::chdir(spec.cwd.c_str()) != 0) give_up(plan, Step::folder);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  exec_first(plan);
}

// A function of its own, so that nothing of the caller lives in registers that the child might
// change.
[[gnu::noinline]] pid_t vfork_command(const Plan& plan) {
  const pid_t pid = ::vfork();
  if (pid == 0) become_command(plan);
  return pid;
}

// Where in the file system a place that was tried lies.
std::string resolved(const std::string& place, const std::string& cwd) {
  return place.starts_with('/') ? place : cwd + "/" + place;
}

Owners owners_for(const StartRequest& request) {
  const auto self = ::geteuid();
  return {self, request.identity ? request.identity->uid : self};
}

std::vector<std::string> folders_of(const std::vector<std::string>& places) {
  std::vector<std::string> folders;
  for (const auto& place : places) folders.push_back(folder_holding(place));
  return folders;
}

std::string trust_message(const StartRequest& request) {
  const auto& spec = request.spec;
  for (const auto& place : places_of(spec.argv[0], path_of(spec.env)))
    if (const auto fault = fault_of_program(resolved(place, spec.cwd), owners_for(request));
        !fault.empty())
      return fmt::format("{}: {}", place, fault);
  return fmt::format("{}: others may change it", spec.argv[0]);
}

std::string exec_message(const ProcessSpec& spec, int error) {
  const auto& program = spec.argv[0];
  struct stat status {};
  for (const auto& place : places_of(program, path_of(spec.env))) {
    if (::stat(resolved(place, spec.cwd).c_str(), &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) return fmt::format("is a folder, not a program: {}", place);
    if (error == ENOENT)
      return fmt::format("the interpreter of {} is missing: see its first line", place);
    if (error == ENOEXEC)
      return fmt::format("not a program: {} (no #! line and no known format)", place);
    return fmt::format("cannot run {}: {}", place, std::strerror(error));
  }
  if (error != ENOENT && error != EACCES)
    return fmt::format("cannot run {}: {}", program, std::strerror(error));
  if (program.find('/') != std::string::npos) return fmt::format("no such program: {}", program);
  return fmt::format("no such program: {} (PATH={})", program, path_of(spec.env));
}

// A new user's limit is looked at by execve(2).
bool user_has_no_processes_left(const StartRequest& request, const Failure& failure) {
  return request.identity && failure.error == EAGAIN &&
         (failure.step == Step::user || failure.step == Step::exec);
}

ProcessEnd::Kind kind_of(int error) {
  return is_shortage(error) ? ProcessEnd::Kind::no_resources : ProcessEnd::Kind::not_startable;
}

std::string message_of(const StartRequest& request, const Failure& failure) {
  const char* why = std::strerror(failure.error);
  if (user_has_no_processes_left(request, failure))
    return fmt::format("cannot run {}: user id {} has too many processes", request.spec.argv[0],
                       request.identity->uid);
  switch (failure.step) {
    case Step::exec:
      return exec_message(request.spec, failure.error);
    case Step::trust:
      return trust_message(request);
    case Step::folder:
      return fmt::format("cannot enter the folder {}: {}", request.spec.cwd, why);
    case Step::nice:
      return fmt::format("cannot set nice {}: {}", *request.spec.nice, why);
    case Step::user:
      return fmt::format("cannot become user id {}: {}", request.identity->uid, why);
    case Step::limits:
      return fmt::format("cannot set the limits: {}", why);
    case Step::standard_streams:
      return fmt::format("cannot set up stdin, stdout, stderr: {}", why);
    case Step::session:
    case Step::none:
      break;
  }
  return fmt::format("cannot start a session: {}", why);
}

// What only this command lacks must not keep others from being started.
ProcessEnd::Kind kind_of(const StartRequest& request, const Failure& failure) {
  const bool being_written = failure.step == Step::exec && failure.error == ETXTBSY;
  if (being_written || user_has_no_processes_left(request, failure))
    return ProcessEnd::Kind::not_now;
  return kind_of(failure.error);
}

}  // namespace

bool is_shortage(int error) {
  return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE ||
         error == ENOBUFS || error == ENOSPC || error == ETOOMANYREFS;
}

NotStarted not_started(int error) {
  return {kind_of(error), fmt::format("cannot start a process: {}", std::strerror(error))};
}

pid_t spawn(const StartRequest& request) {
  const auto& spec = request.spec;
  const auto places = places_of(spec.argv[0], path_of(spec.env));
  Plan plan{.request = &request,
            .candidates = places,
            .folders = folders_of(places),
            .owners = owners_for(request),
            .argv = pointers_to(spec.argv),
            .env = pointers_to(spec.env),
            .cpu = std::nullopt,
            .default_oom_score = oom_score_is_lowered(),
            .parent = ::getpid(),
            .failure = shared_failure()};
  if (spec.cpu_limit) plan.cpu = cpu_limit_of(spec);
  if (!plan.failure) {
    errno = ENOMEM;
    return -1;
  }
  *plan.failure = {};
  return vfork_command(plan);
}

std::optional<NotStarted> failure_of_last_spawn(const StartRequest& request) {
  const auto* failure = shared_failure();
  if (!failure || failure->step == Step::none) return std::nullopt;
  return NotStarted{kind_of(request, *failure), message_of(request, *failure)};
}

}  // namespace schedctl
