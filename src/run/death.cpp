#include "run/death.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "queue/worker.h"
#include "run/host_lock.h"
#include "util/log.h"

namespace schedctl::run {
namespace {

constexpr int batch_size = 1000;

bool process_exists(pid_t pid) { return kill(pid, 0) == 0 || errno != ESRCH; }

}  // namespace

// Empty: not proven dead.
std::string DeathWatch::verdict(const queue::WorkerSign& sign) {
  const bool same_host = sign.host == host_;
  const auto file = same_host ? look_at_worker_lock(sign.lock_file) : FileSign::unseen;
  if (file == FileSign::free) return "its process is gone";
  if (sign.lease_over) return "its lease is over";
  // Killed: the server has perhaps not noticed yet, and its reapers are ending its handlers.
  const bool ending = file == FileSign::held && !process_exists(sign.pid);
  if (sign.has_lock && !ending) {
    suspects_.erase(sign.id);
    return "";
  }
  const auto now = std::chrono::steady_clock::now();
  if (file == FileSign::held) {
    // Of a worker without a lock of its own that lives, nothing is missing.
    if (sign.direct || ending)
      suspects_.try_emplace(sign.id, now);
    else
      suspects_.erase(sign.id);
    return "";
  }
  const bool rebooted = same_host && sign.boot_id != boot_id_;
  if (rebooted && sign.same_server) return "its host has been restarted";
  // A server that was restarted has forgotten every lock. Who lives takes his again before the
  // second look; who was on this host before its restart does not live.
  if (!rebooted && !(sign.same_server && sign.direct)) return "";
  const auto first = suspects_.try_emplace(sign.id, now).first->second;
  if (now - first < second_look_after) return "";
  return rebooted ? "its host has been restarted" : "its session is gone";
}

std::vector<Dead> DeathWatch::look(db::Transaction& tx, job::WorkerId self) {
  std::vector<Dead> dead;
  std::map<job::WorkerId, std::chrono::steady_clock::time_point> still_suspect;
  lock_files_.clear();
  for (const auto& sign : queue::other_workers(tx, self)) {
    lock_files_.insert(sign.lock_file);
    const auto why = verdict(sign);
    if (!why.empty())
      dead.push_back({sign.id, fmt::format("{}:{}", sign.host, sign.pid), why, sign.lock_file,
                      sign.lease_until});
    else if (const auto suspect = suspects_.find(sign.id); suspect != suspects_.end())
      still_suspect.insert(*suspect);
  }
  suspects_ = std::move(still_suspect);
  return dead;
}

std::optional<std::chrono::steady_clock::time_point> DeathWatch::next_evidence() const {
  const auto now = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> next;
  for (const auto& [id, first] : suspects_)
    if (const auto at = first + second_look_after; at > now && (!next || at < *next)) next = at;
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
