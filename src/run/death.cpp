#include "run/death.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "queue/worker.h"
#include "run/host_lock.h"
#include "util/log.h"

namespace schedctl::run {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int batch_size = 1000;

bool process_exists(pid_t pid) { return kill(pid, 0) == 0 || errno != ESRCH; }

}  // namespace

// Empty: not proven dead.
std::string DeathWatch::verdict(const queue::WorkerSign& sign, Seen& seen) const {
  const auto now = Clock::now();
  const bool same_host = sign.host == host_;
  const auto file = same_host ? look_at_worker_lock(sign.lock_file) : FileSign::unseen;
  if (file == FileSign::free) return "its process is gone";
  if (sign.lease_until == Time{}) return "it was declared dead";  // by one who did not finish
  seen.lease_over = sign.lease_over;
  if (sign.lease_over && now - seen.renewed_at >= renewal_patience) return "its lease is over";
  // Killed: the server has perhaps not noticed yet, and its reapers are ending its handlers.
  const bool ending = file == FileSign::held && !process_exists(sign.pid);
  if (sign.has_lock && !ending) {
    seen.suspect_since.reset();
    return "";
  }
  if (file == FileSign::held) {
    // Of a worker without a lock of its own that lives, nothing is missing.
    if (!sign.direct && !ending)
      seen.suspect_since.reset();
    else if (!seen.suspect_since)
      seen.suspect_since = now;
    return "";
  }
  const bool rebooted = same_host && sign.boot_id != boot_id_;
  if (rebooted && sign.same_server) return "its host has been restarted";
  // A server that was restarted has forgotten every lock. Who lives takes his again before the
  // second look; who was on this host before its restart does not live.
  if (!rebooted && !(sign.same_server && sign.direct)) return "";
  if (!seen.suspect_since) seen.suspect_since = now;
  if (now - *seen.suspect_since < second_look_after) return "";
  return rebooted ? "its host has been restarted" : "its session is gone";
}

DeathWatch::Seen DeathWatch::seen_before(const queue::WorkerSign& sign) const {
  const auto found = seen_.find(sign.id);
  Seen seen = found == seen_.end() ? Seen{} : found->second;
  if (seen.lease_until != sign.lease_until)  // it lived, whatever was suspected
    seen = {.lease_until = sign.lease_until, .renewed_at = Clock::now()};
  return seen;
}

std::vector<Dead> DeathWatch::look(db::Transaction& tx, job::WorkerId self) {
  std::vector<Dead> dead;
  std::map<job::WorkerId, Seen> still_there;
  lock_files_.clear();
  for (const auto& sign : queue::other_workers(tx, self)) {
    lock_files_.insert(sign.lock_file);
    auto seen = seen_before(sign);
    const auto why = verdict(sign, seen);
    seen.proven_dead = !why.empty();
    if (seen.proven_dead)
      dead.push_back({sign.id, fmt::format("{}:{}", sign.host, sign.pid), why, sign.lock_file,
                      sign.lease_until});
    still_there.emplace(sign.id, seen);
  }
  seen_ = std::move(still_there);
  return dead;
}

bool DeathWatch::has_suspects() const {
  return std::ranges::any_of(seen_, [](const auto& entry) {
    const Seen& seen = entry.second;
    return !seen.proven_dead && (seen.lease_over || seen.suspect_since);
  });
}

std::optional<DeathWatch::Instant> DeathWatch::next_evidence() const {
  const auto now = Clock::now();
  std::optional<Instant> next;
  const auto expect = [&](Instant at) {
    if (at > now && (!next || at < *next)) next = at;
  };
  for (const auto& [id, seen] : seen_) {
    if (seen.proven_dead) continue;
    if (seen.lease_over) expect(seen.renewed_at + renewal_patience);
    if (seen.suspect_since) expect(*seen.suspect_since + second_look_after);
  }
  return next;
}

bool rescue_batch(db::Connection& connection, const Dead& dead, int max_interruptions, Toll& toll) {
  const auto why = fmt::format("worker {} died: {}", dead.name, dead.why);
  Toll batch;
  {
    db::Transaction tx(connection, db::autocommit);
    if (!queue::declare_dead(tx, dead.id, dead.lease_until)) return false;
    for (const auto& rescued : queue::rescue(tx, dead.id, max_interruptions, batch_size, why))
      ++(rescued.dead ? batch.dead : batch.rescued);
  }
  db::Transaction tx(connection);
  const bool removed = queue::deregister_worker(tx, dead.id);
  tx.commit();
  if (removed && look_at_worker_lock(dead.lock_file) == FileSign::free)
    unlink(dead.lock_file.c_str());
  toll.rescued += batch.rescued;
  toll.dead += batch.dead;
  if (removed || batch.rescued + batch.dead > 0)
    log::warn("rescued the jobs of a dead worker", {{"worker", dead.name},
                                                    {"why", dead.why},
                                                    {"rescued", batch.rescued},
                                                    {"dead", batch.dead}});
  return batch.rescued + batch.dead == batch_size;
}

Toll rescue_all(db::Connection& connection, const Dead& dead, int max_interruptions) {
  Toll toll;
  while (rescue_batch(connection, dead, max_interruptions, toll)) {
  }
  return toll;
}

Toll count_claims(db::Connection& connection, const Dead& dead, int max_interruptions) {
  db::Transaction tx(connection, db::autocommit);
  const auto held = queue::held(tx, dead.id, max_interruptions);
  return {.workers = 0, .rescued = held.jobs - held.would_die, .dead = held.would_die};
}

std::string read_boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace schedctl::run
