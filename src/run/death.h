// Death: which workers are dead, by what the server, the files of this host and the leases say, and
// their rescue. DESIGN section 7.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "queue/rescue.h"

namespace schedctl::run {

inline constexpr std::chrono::milliseconds second_look_after{700};
// Whoever lives renews its lease each second. The clock of the server may be set, so an end of the
// lease is evidence only for whoever has seen no renewal for this long.
inline constexpr std::chrono::milliseconds renewal_patience{1500};

struct Dead {
  job::WorkerId id = 0;
  std::string name;       // "host:pid"
  std::string why;        // in words, for history and log
  std::string lock_file;  // to be removed when it is ours to remove
  Time lease_until;       // when it was looked at
};

// Remembers what it saw, as a missing lock is evidence only when it is missing twice, and a lease
// that is over only when it is not renewed meanwhile.
class DeathWatch {
 public:
  // `host` and `boot_id` are this host's.
  DeathWatch(std::string host, std::string boot_id)
      : host_(std::move(host)), boot_id_(std::move(boot_id)) {}

  // The workers proven dead. Throws DatabaseError.
  std::vector<Dead> look(db::Transaction& tx, job::WorkerId self);

  // The files of all that were registered at the last look.
  const std::set<std::string>& lock_files() const { return lock_files_; }

  // Somebody looked dead at the last look: worth another one at `next_evidence`.
  bool has_suspects() const;
  // When a look may prove the next of them dead; none when only time passes.
  std::optional<std::chrono::steady_clock::time_point> next_evidence() const;

 private:
  using Instant = std::chrono::steady_clock::time_point;
  // What was seen of one worker.
  struct Seen {
    Time lease_until{};
    Instant renewed_at{};  // when it had this lease first
    bool lease_over = false;
    std::optional<Instant> suspect_since{};  // its lock is missing, or its process
    bool proven_dead = false;
  };

  std::string verdict(const queue::WorkerSign& sign, Seen& seen) const;
  Seen seen_before(const queue::WorkerSign& sign) const;

  std::string host_;
  std::string boot_id_;
  std::set<std::string> lock_files_;
  std::map<job::WorkerId, Seen> seen_;
};

struct Toll {
  long workers = 0;  // dead ones
  long rescued = 0;  // jobs that run again
  long dead = 0;     // jobs that are dead for good now
};

// Takes back some jobs of a dead worker in one transaction, adds them to `toll`, and removes the
// worker when it holds no more. True: there may be more. A worker that has come back to life since
// it was looked at keeps its jobs.
bool rescue_batch(db::Connection& connection, const Dead& dead, int max_interruptions, Toll& toll);
// Takes back all jobs of a dead worker, in bounded batches, and removes it. Each batch is a
// transaction of its own.
Toll rescue_all(db::Connection& connection, const Dead& dead, int max_interruptions);

// What rescue_all would do; changes nothing.
Toll count_claims(db::Connection& connection, const Dead& dead, int max_interruptions);

// The kernel's id of this boot.
std::string read_boot_id();

}  // namespace schedctl::run
