#include "chaos/leaks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace schedctl::chaos {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Whoever has the folder among its arguments: runs, reapers, witnesses and what these left behind.
void find_processes(const Arena& arena, std::vector<std::string>& leaks) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    auto arguments = content_of(entry.path() / "cmdline");
    if (arguments.find(arena.folder() + "/") == std::string::npos &&
        arguments.find(arena.folder() + '\0') == std::string::npos)
      continue;
    std::ranges::replace(arguments, '\0', ' ');
    leaks.push_back(fmt::format("process {}: {}", entry.path().filename().string(), arguments));
  }
}

bool is_locked(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
  close(fd);
  return locked;
}

// The lock of the host and those of its places stay, to be taken again.
void find_files(const Arena& arena, std::vector<std::string>& leaks) {
  for (int host = 0; host < hosts; ++host)
    for (const auto& entry : fs::recursive_directory_iterator(arena.state_of(host))) {
      const auto name = entry.path().filename().string();
      if (entry.is_directory()) continue;
      if (is_locked(entry.path())) leaks.push_back("lock held: " + entry.path().string());
      if (name.starts_with("worker-") || name.find(".lock") == std::string::npos)
        leaks.push_back("file: " + entry.path().string());
    }
}

// A server's process ends a moment after its client.
void find_in_database(Arena& arena, std::vector<std::string>& leaks) {
  const std::pair<const char*, const char*> places[] = {
      {"workers", "select host || ':' || pid from workers"},
      {"claims", "select id from job_queue where locked_by is not null"},
      {"advisory locks",
       "select classid || ' ' || objid from pg_locks where locktype = 'advisory'"},
      {"prepared transactions", "select gid from pg_prepared_xacts"},
      {"sessions",
       "select pid || ' ' || query from pg_stat_activity "
       "where application_name = 'schedctl' and pid <> pg_backend_pid()"}};
  for (const auto& [what, query] : places) {
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    auto left = arena.insist(query);
    while (!left.empty() && std::chrono::steady_clock::now() < give_up) left = arena.insist(query);
    for (const auto& row : left) leaks.push_back(fmt::format("{}: {}", what, row[0].c_str()));
  }
}

}  // namespace

std::vector<std::string> find_leaks(Arena& arena) {
  std::vector<std::string> leaks;
  find_in_database(arena, leaks);
  find_processes(arena, leaks);
  find_files(arena, leaks);
  return leaks;
}

}  // namespace schedctl::chaos
