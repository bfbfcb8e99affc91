#include "config/paths.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <vector>

#include "config/environment.h"
#include "config/redact.h"
#include "config/section.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

namespace fs = std::filesystem;

// Not $HOME, which differs between a shell, sudo and cron.
std::optional<fs::path> home_folder() {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0) return {};
  if (found == nullptr || found->pw_dir == nullptr || found->pw_dir[0] != '/') return {};
  return fs::path(found->pw_dir);
}

fs::path home_folder_or_fail(const std::string& remedy) {
  if (auto home = home_folder()) return *home;
  fail("password database", fmt::format("uid {}", geteuid()), "has no home folder: " + remedy);
}

// The freedesktop rules: a relative path there is to be ignored.
std::optional<fs::path> xdg_folder(const char* name) {
  const auto value = environment_variable(name);
  if (value && value->starts_with('/')) return fs::path(*value);
  return {};
}

std::optional<fs::path> overriding_folder(const char* name) {
  const auto value = environment_variable(name);
  if (!value) return {};
  if (!value->starts_with('/'))
    fail(fmt::format("environment {}", name), quote(*value),
         "is no absolute path: begin it with /");
  return fs::path(*value);
}

// Also a dangling link and a file that cannot be read are there: to pass them over would hide a
// fault.
bool is_there(const fs::path& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

// What tells one database from another; the password does not.
std::string identity(const Database& database) {
  std::string text = redact_url(database.url);
  if (database.url.empty())
    for (const char* name : postgres_variables)
      text += environment_variable(name).value_or("") + '\n';
  return text + '\n' + database.schema;
}

// A value of a keyword string, which may hold spaces.
std::string quote_keyword(std::string_view value) {
  if (value.find_first_of(" '\\") == std::string_view::npos) return std::string(value);
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '\'';
}

}  // namespace

std::string absolute_path(const std::string& path) {
  std::error_code error;
  const auto absolute = fs::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

std::optional<std::string> find_config_file(const std::optional<std::string>& given) {
  if (given) return absolute_path(*given);
  if (const auto named = environment_variable("SCHEDCTL_CONFIG")) return absolute_path(*named);

  std::vector<fs::path> candidates = {absolute_path("schedctl.toml")};
  auto folder = xdg_folder("XDG_CONFIG_HOME");
  if (const auto home = home_folder(); !folder && home) folder = *home / ".config";
  if (folder) candidates.push_back(*folder / "schedctl/schedctl.toml");
  candidates.emplace_back("/etc/schedctl/schedctl.toml");
  for (const auto& candidate : candidates)
    if (is_there(candidate)) return candidate.string();
  return {};
}

std::string local_cluster_folder() {
  if (const auto folder = overriding_folder("SCHEDCTL_DATA_DIR")) return *folder;
  if (geteuid() == 0) return "/var/lib/schedctl";
  if (const auto folder = xdg_folder("XDG_DATA_HOME")) return *folder / "schedctl";
  return home_folder_or_fail("set SCHEDCTL_DATA_DIR") / ".local/share/schedctl";
}

std::optional<std::string> local_cluster_url() {
  const bool has_place = environment_variable("SCHEDCTL_DATA_DIR") || geteuid() == 0 ||
                         xdg_folder("XDG_DATA_HOME") || home_folder();
  if (!has_place) return {};
  const fs::path folder = local_cluster_folder();
  if (!is_there(folder / "pg/PG_VERSION")) return {};
  return fmt::format("host={} dbname=schedctl user=schedctl",
                     quote_keyword((folder / "run").string()));
}

std::string default_lock_file(const Database& database) {
  const auto folder = [] {
    if (auto state = overriding_folder("SCHEDCTL_STATE_DIR")) return *state;
    if (geteuid() == 0) return fs::path("/run/schedctl");
    return home_folder_or_fail("set process.lock_file or SCHEDCTL_STATE_DIR") /
           ".local/state/schedctl";
  }();
  return folder / fmt::format("process-{:016x}.lock", fnv1a(identity(database)));
}

}  // namespace schedctl::config
