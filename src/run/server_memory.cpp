#include "run/server_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "run/host_lock.h"
#include "run/spool.h"
#include "util/log.h"
#include "util/private_file.h"
#include "util/text.h"

namespace schedctl::run {
namespace {

std::string file_for(const std::string& lock_file) {
  constexpr std::string_view spool = ".spool";
  auto path = Spool::folder_for(lock_file);
  if (path.ends_with(spool)) path.resize(path.size() - spool.size());
  return path + ".server";
}

}  // namespace

ServerMemory::ServerMemory(const std::string& lock_file) : file_(file_for(lock_file)) {}

// Who may not read it does not run jobs here either.
std::optional<config::ServerIdentity> ServerMemory::recall() const {
  if (access(file_.c_str(), R_OK | W_OK) != 0) return std::nullopt;
  const auto fd = open_private_file(file_, Create::no);
  if (!fd) return std::nullopt;
  std::array<char, 64> text{};
  std::array<char, 32> system{};
  config::ServerIdentity server;
  const auto size = read(fd.get(), text.data(), text.size() - 1);
  if (size <= 0 || std::sscanf(text.data(), "%31[0-9] %u\n", system.data(), &server.timeline) != 2)
    throw Error(ExitCode::config,
                fmt::format("{}: does not say which server was written to: remove it",
                            escape_control(file_)));
  server.system_identifier = system.data();
  return server;
}

void ServerMemory::remember(const db::Connection& connection) const {
  const auto& server = connection.server();
  const auto& last = connection.database().last_written;
  if (server.timeline == 0 || last == server) return;
  if (last && last->system_identifier != server.system_identifier)
    log::warn("this is another database server than before, and no copy of it");
  else if (last)
    log::warn("another server has taken over", {{"timeline", static_cast<long>(server.timeline)},
                                                {"before", static_cast<long>(last->timeline)}});
  try {
    make_private_folder(folder_of(file_));
    write_private_file(file_, fmt::format("{} {}\n", server.system_identifier, server.timeline));
  } catch (const Error& e) {
    // Of a full disk the next run complains that cannot work for it; this one can.
    log::info("which server was written to could not be remembered", {{"error", e.what()}});
  }
}

}  // namespace schedctl::run
