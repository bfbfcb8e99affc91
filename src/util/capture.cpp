#include "util/capture.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "util/descriptor.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl {
namespace {

constexpr int not_started = 127;
constexpr std::size_t most_output = 16 * 1024 * 1024;

[[noreturn]] void fail(const char* what) {
  throw Error(ExitCode::temporary, fmt::format("{}: {}", what, std::strerror(errno)));
}

// Files in memory instead of pipes: nobody has to be read from while somebody else writes.
Descriptor memory_file(const std::string& content) {
  Descriptor file(memfd_create("schedctl", MFD_CLOEXEC));
  if (!file) fail("memfd_create");
  if (write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      lseek(file.get(), 0, SEEK_SET) != 0)
    fail("memory file");
  return file;
}

std::string content_of(const Descriptor& file) {
  struct stat found {};
  if (fstat(file.get(), &found) != 0) fail("memory file");
  std::string text(std::min(static_cast<std::size_t>(found.st_size), most_output), '\0');
  const auto count = pread(file.get(), text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

bool become(const std::optional<Account>& user) {
  if (!user || user->uid == geteuid()) return true;
  return setgroups(user->groups.size(), user->groups.data()) == 0 && setgid(user->gid) == 0 &&
         setuid(user->uid) == 0 && setuid(0) != 0;
}

[[noreturn]] void start(const CaptureRequest& request, char* const* argv, char* const* env,
                        const int (&streams)[3]) {
  for (int number = 1; number < NSIG; ++number)
    if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
  for (int i = 0; i < 3; ++i) dup2(streams[i], i);
  close_range(3, ~0U, 0);
  if (become(request.user) && chdir("/") == 0) execve(argv[0], argv, env);
  dprintf(2, "%s: cannot be started: %s\n", argv[0], strerrordesc_np(errno));
  _exit(not_started);
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const auto place = folder + "/" + name;
        folder.starts_with('/') && access(place.c_str(), X_OK) == 0)
      return place;
  return "";
}

Captured capture(const CaptureRequest& request) {
  const auto argv = pointers_to(request.argv), env = pointers_to(request.env);
  const auto in = memory_file(request.input), out = memory_file(""), err = memory_file("");
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) start(request, argv.data(), env.data(), {in.get(), out.get(), err.get()});
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), content_of(out),
          content_of(err)};
}

std::string last_line(const std::string& text) {
  std::string last;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  return escape_control(last);
}

}  // namespace schedctl
