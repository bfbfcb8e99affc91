#include "run/host_lock.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <regex>
#include <system_error>

#include "queue/claim.h"
#include "util/clock.h"
#include "util/text.h"

namespace schedctl::run {
namespace {

// Only for the message; written by whoever holds the lock, so not to be trusted.
std::string read_holder(const Fd& fd) {
  char text[120];
  const auto length = pread(fd.get(), text, sizeof text, 0);
  const std::string line(text, length > 0 ? static_cast<std::size_t>(length) : 0);
  return escape_control(make_storable(line.substr(0, line.find('\n'))));
}

void write_holder(const Fd& fd) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto line = fmt::format("pid {} since {}\n", getpid(), format_utc(now));
  if (ftruncate(fd.get(), 0) != 0) return;
  [[maybe_unused]] const auto written = pwrite(fd.get(), line.data(), line.size(), 0);
}

bool lies_at(const Fd& fd, const std::string& path) {
  struct stat open_file {
  }, there{};
  return fstat(fd.get(), &open_file) == 0 && stat(path.c_str(), &there) == 0 &&
         open_file.st_dev == there.st_dev && open_file.st_ino == there.st_ino;
}

}  // namespace

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<HostLock> HostLock::take(const std::string& path, std::string& holder) {
  make_private_folder(folder_of(path));
  auto fd = open_private_file(path, Create::yes);
  if (!try_lock(fd)) {
    holder = read_holder(fd);
    return std::nullopt;
  }
  write_holder(fd);
  return HostLock(std::move(fd));
}

pid_t HostLock::process_of(const std::string& holder) {
  constexpr std::string_view before = "pid ";
  pid_t pid = 0;
  if (holder.starts_with(before))
    std::from_chars(holder.data() + before.size(), holder.data() + holder.size(), pid);
  return pid;
}

Places::Places(const std::string& lock_file, int count)
    : prefix_(lock_file + ".place"),
      files_(static_cast<std::size_t>(count)),
      held_(static_cast<std::size_t>(count)) {}

std::optional<int> Places::acquire() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (held_[i]) continue;
    if (!files_[i]) files_[i] = open_private_file(prefix_ + std::to_string(i), Create::yes);
    if (!try_lock(files_[i])) continue;
    held_[i] = true;
    return static_cast<int>(i);
  }
  return std::nullopt;
}

void Places::release(int place) {
  const auto i = static_cast<std::size_t>(place);
  flock(files_[i].get(), LOCK_UN);
  held_[i] = false;
}

namespace {

std::string worker_prefix(std::string_view installation) {
  return fmt::format("worker-{:016x}-", fnv1a(installation));
}

}  // namespace

// Another run may take the file for one that was left behind until it is locked.
WorkerLock::WorkerLock(const std::string& folder, std::string_view installation) {
  constexpr int most_tries = 100;
  for (int tries = 0; tries < most_tries; ++tries) {
    path_ = fmt::format("{}/{}{}-{}.lock", folder, worker_prefix(installation), getpid(),
                        queue::draw_token().substr(0, 8));
    fd_ = open_private_file(path_, Create::yes);
    if (try_lock(fd_) && lies_at(fd_, path_)) return;
  }
  throw Error(ExitCode::internal, path_ + ": a new file is locked or removed again and again");
}

WorkerLock::~WorkerLock() {
  if (!stays_) unlink(path_.c_str());
}

namespace {

// The path may come from a row of the database, which must not lead us to other files.
bool is_worker_lock(const std::string& path) {
  static const std::regex name("/worker-[0-9a-f]{16}-[0-9]{1,10}-[0-9a-f]{8}\\.lock");
  const auto slash = path.find_last_of('/');
  return slash != std::string::npos && std::regex_match(path.substr(slash), name);
}

}  // namespace

FileSign look_at_worker_lock(const std::string& path) {
  if (!is_worker_lock(path)) return FileSign::unseen;
  try {
    const auto fd = open_private_file(path, Create::no);
    if (!fd) return FileSign::unseen;
    return try_lock(fd) ? FileSign::free : FileSign::held;
  } catch (const Error&) {
    return FileSign::unseen;  // somebody else's file: no evidence
  }
}

void remove_stale_worker_locks(const std::string& folder, std::string_view installation,
                               const std::set<std::string>& known) {
  const auto prefix = worker_prefix(installation);
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(folder, unreadable)) {
    const auto path = entry.path().string();
    const bool candidate = entry.path().filename().string().starts_with(prefix);
    if (!candidate || known.contains(path) || !is_worker_lock(path)) continue;
    try {
      // Locked until it is gone, so that whoever has just made it learns of it.
      if (const auto fd = open_private_file(path, Create::no); fd && try_lock(fd))
        unlink(path.c_str());
    } catch (const Error&) {  // somebody else's file
    }
  }
}

}  // namespace schedctl::run
