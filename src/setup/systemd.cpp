#include "setup/systemd.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>

#include "util/account.h"
#include "util/capture.h"
#include "util/error.h"
#include "util/private_file.h"

namespace schedctl::setup {
namespace {

constexpr const char* system_folder = "/etc/systemd/system";

// Source: sd_booted(3).
bool runs_here() { return access("/run/systemd/system", F_OK) == 0; }

std::vector<std::string> timers_of(const std::vector<Unit>& units) {
  std::vector<std::string> names;
  for (const auto& unit : units)
    if (unit.name.ends_with(".timer")) names.push_back(unit.name);
  return names;
}

std::vector<std::string> words(UnitKind kind, std::vector<std::string> more) {
  if (kind == UnitKind::session) more.insert(more.begin(), "--user");
  return more;
}

void systemctl(UnitKind kind, std::vector<std::string> arguments) {
  auto argv = words(kind, std::move(arguments));
  const auto program = find_program("systemctl");
  if (program.empty())
    throw Error(ExitCode::unavailable, "no program systemctl in PATH: install \"systemd\"");
  argv.insert(argv.begin(), program);
  std::vector<std::string> env = {"LC_ALL=C"};
  for (const char* name : {"PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"})
    if (const char* value = std::getenv(name)) env.push_back(fmt::format("{}={}", name, value));
  const auto end = capture({.argv = argv, .env = env, .input = "", .user = {}});
  if (end.exit_code != 0)
    throw Error(ExitCode::unavailable,
                fmt::format("{}: {}; the units are in their place, so run it again by hand",
                            fmt::join(argv, " "), last_line(end.err)));
}

}  // namespace

std::string unit_folder(UnitKind kind) {
  if (kind == UnitKind::session) {
    const char* configured = std::getenv("XDG_CONFIG_HOME");
    const auto account = find_account(geteuid());
    if (!(configured && *configured == '/') && (!account || !account->home.starts_with('/')))
      throw Error(ExitCode::cannot_create,
                  fmt::format("user id {} has no home folder: set XDG_CONFIG_HOME", geteuid()));
    const auto folder =
        (configured && *configured == '/' ? std::string(configured) : account->home + "/.config") +
        "/systemd/user";
    make_private_folder(folder);
    return folder;
  }
  if (access(system_folder, F_OK) != 0)
    throw Error(ExitCode::unavailable,
                fmt::format("no folder {}: there is no systemd here; use a crontab, without "
                            "--systemd",
                            system_folder));
  if (geteuid() != 0)
    throw Error(ExitCode::permission,
                fmt::format("{}: only root may write there: use sudo, or --user without a name for "
                            "units of your own",
                            system_folder));
  return system_folder;
}

bool start_timers(const std::vector<Unit>& units, UnitKind kind) {
  if (!runs_here()) return false;
  systemctl(kind, {"daemon-reload"});
  auto enable = timers_of(units);
  enable.insert(enable.begin(), {"enable", "--now"});
  systemctl(kind, enable);
  return true;
}

void stop_timers(const std::vector<Unit>& units, UnitKind kind) {
  if (!runs_here()) return;
  auto disable = timers_of(units);
  disable.insert(disable.begin(), {"disable", "--now"});
  systemctl(kind, disable);
}

void reload(UnitKind kind) {
  if (runs_here()) systemctl(kind, {"daemon-reload"});
}

std::string start_command(const std::vector<Unit>& units, UnitKind kind) {
  return fmt::format("systemctl {}enable --now {}", kind == UnitKind::session ? "--user " : "",
                     fmt::join(timers_of(units), " "));
}

}  // namespace schedctl::setup
