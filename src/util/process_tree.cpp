#include "util/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "util/descriptor.h"

namespace schedctl {
namespace {

// False when the file cannot be opened.
bool read_file(const std::string& path, std::string& content) {
  content.clear();
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n <= 0) return true;
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

// The names in a folder of /proc that are numbers.
std::vector<pid_t> numbers_in(const std::string& folder) {
  std::vector<pid_t> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return numbers;
  while (const dirent* entry = ::readdir(dir.get())) {
    pid_t number = 0;
    const std::string_view name = entry->d_name;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) numbers.push_back(number);
  }
  return numbers;
}

void append_numbers(std::string_view text, std::vector<pid_t>& numbers) {
  while (!text.empty()) {
    pid_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc()) numbers.push_back(number);
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return;
    text.remove_prefix(space + 1);
  }
}

// A field of /proc/PID/stat, counted as in proc_pid_stat(5): 4 is the parent. Empty when there is
// no such process.
std::string stat_field(pid_t pid, int field) {
  std::string content;
  if (!read_file(fmt::format("/proc/{}/stat", pid), content)) return "";
  // The name (field 2) may hold spaces and brackets; what follows the last bracket is numbers.
  const auto bracket = content.rfind(')');
  if (bracket == std::string::npos) return "";
  auto begin = bracket + 2;
  for (int i = 3; i < field && begin < content.size(); ++i) begin = content.find(' ', begin) + 1;
  return content.substr(begin, content.find(' ', begin) - begin);
}

template <typename T>
T stat_number(pid_t pid, int field) {
  T number = 0;
  const auto text = stat_field(pid, field);
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool kernel_lists_children() {
  return ::access(fmt::format("/proc/{0}/task/{0}/children", ::getpid()).c_str(), F_OK) == 0;
}

// Children by their parents' numbers, for kernels that do not list them.
std::vector<pid_t> children_by_scan(pid_t parent) {
  std::vector<pid_t> children;
  for (const pid_t pid : numbers_in("/proc"))
    if (parent_of(pid) == parent) children.push_back(pid);
  return children;
}

// False when the signals were refused. A direct child keeps its number until this process reaps it;
// any other is pinned first, and left to the next look when it is no longer where it was seen.
bool send(pid_t pid, pid_t parent, const std::vector<int>& signals) {
  const pid_t self = ::getpid();
  Descriptor pinned;
  if (parent != self) {
    pinned.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    const pid_t now = parent_of(pid);
    if (now != parent && now != self) return true;
  }
  bool refused = false;
  for (const int signal : signals) {
    const long sent = pinned ? ::syscall(SYS_pidfd_send_signal, pinned.get(), signal, nullptr, 0)
                             : ::kill(pid, signal);
    refused = refused || (sent != 0 && errno == EPERM);
  }
  return !refused;
}

struct Descendant {
  pid_t pid;
  pid_t parent;
};

// Calls `visit` for each descendant as soon as it is seen, and lists its children after that.
template <typename Visit>
void walk(Visit visit) {
  const pid_t self = ::getpid();
  std::set<pid_t> seen{self};
  std::vector<pid_t> found{self};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const pid_t parent = found[i];
    for (const pid_t child : children_of(parent)) {
      if (!seen.insert(child).second) continue;
      visit(Descendant{child, parent});
      found.push_back(child);
    }
  }
}

}  // namespace

std::vector<pid_t> children_of(pid_t pid) {
  static const bool listed = kernel_lists_children();
  if (!listed) return children_by_scan(pid);
  std::vector<pid_t> children;
  std::string content;
  const auto folder = fmt::format("/proc/{}/task", pid);
  for (const pid_t thread : numbers_in(folder))
    if (read_file(fmt::format("{}/{}/children", folder, thread), content))
      append_numbers(content, children);
  return children;
}

SignalCount signal_descendants(const std::vector<int>& signals) {
  // All are looked up first: the children of one that has just been killed are on their way to this
  // process.
  std::vector<Descendant> found;
  walk([&](const Descendant& descendant) { found.push_back(descendant); });
  SignalCount count;
  for (const auto& [pid, parent] : found) {
    ++count.found;
    if (!send(pid, parent, signals)) ++count.refused;
  }
  return count;
}

void freeze_descendants() {
  // A process that has been sent SIGSTOP starts no other any more (fork fails while a signal
  // waits), so listing its children after that misses none. Only one whose parent ended in the
  // middle can, hence the second look.
  std::set<pid_t> stopped;
  for (int look = 0; look < 20; ++look) {
    const auto before = stopped.size();
    walk([&](const Descendant& descendant) {
      if (stopped.insert(descendant.pid).second) send(descendant.pid, descendant.parent, {SIGSTOP});
    });
    if (stopped.size() == before) return;
  }
}

std::int64_t descendants_rss_bytes() {
  static const std::int64_t page = ::sysconf(_SC_PAGESIZE);
  std::int64_t pages = 0;
  std::string content;
  walk([&](const Descendant& descendant) {
    if (!read_file(fmt::format("/proc/{}/statm", descendant.pid), content)) return;
    std::int64_t resident = 0;
    const auto begin = content.find(' ') + 1;
    std::from_chars(content.data() + begin, content.data() + content.size(), resident);
    pages += resident;
  });
  return pages * page;
}

char state_of(pid_t pid) {
  const auto text = stat_field(pid, 3);
  return text.empty() ? '\0' : text[0];
}
pid_t parent_of(pid_t pid) { return stat_number<pid_t>(pid, 4); }
pid_t session_of(pid_t pid) { return stat_number<pid_t>(pid, 6); }
std::uint64_t start_ticks_of(pid_t pid) { return stat_number<std::uint64_t>(pid, 22); }

}  // namespace schedctl
