// HostLock: at most one run of a host claims work. Places: all runs of a host together run at most
// so many handlers. Both are kernel locks on files; a file's existence or content decides nothing.
// DESIGN section 3.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "util/private_file.h"

namespace schedctl::run {

// The folder in which a file lies.
std::string folder_of(const std::string& path);

class HostLock {
 public:
  // Empty when another run holds it; `holder` then says who, as far as its words go ("pid 4711
  // since ..."). Creates the folder. Throws Error 73 or 77 when the file is not fit to be a lock.
  static std::optional<HostLock> take(const std::string& path, std::string& holder);
  // The process that the words about a holder name; 0: none.
  static pid_t process_of(const std::string& holder);
  void release() { fd_.reset(); }

 private:
  explicit HostLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// N files beside the lock file, one held for each handler in flight. Not thread-safe.
class Places {
 public:
  Places(const std::string& lock_file, int count);
  // The index of a place that is ours now, or none when all are taken.
  std::optional<int> acquire();
  void release(int place);
  // To be handed to the reaper, which keeps the place taken until the handler's tree is gone.
  int descriptor(int place) const { return files_[static_cast<std::size_t>(place)].get(); }

 private:
  std::string prefix_;
  std::vector<Fd> files_;  // opened when first needed
  std::vector<bool> held_;
};

// The lock that says on this host that a worker or one of its reapers lives. The file goes away
// with a clean end. Its name tells the installation that the worker belongs to.
class WorkerLock {
 public:
  WorkerLock(const std::string& folder, std::string_view installation);
  ~WorkerLock();
  WorkerLock(const WorkerLock&) = delete;
  WorkerLock& operator=(const WorkerLock&) = delete;
  const std::string& path() const { return path_; }
  int descriptor() const { return fd_.get(); }
  // The file stays, as evidence that the worker is gone.
  void leave_file() { stays_ = true; }

 private:
  std::string path_;
  Fd fd_;
  bool stays_ = false;
};

enum class FileSign {
  unseen,  // not on this host's file system
  held,    // the worker or a reaper of it lives
  free,    // everything of that worker is gone
};
FileSign look_at_worker_lock(const std::string& path);

// Removes the files of this installation's workers that are gone, but for the known ones, which are
// evidence: what is left of those that were killed before they were registered, or rescued by
// another host. Those of other installations may be evidence for them.
void remove_stale_worker_locks(const std::string& folder, std::string_view installation,
                               const std::set<std::string>& known);

}  // namespace schedctl::run
