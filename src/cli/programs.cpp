#include "cli/programs.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "util/trust.h"

namespace schedctl::cli {
namespace {

bool is_program(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::optional<std::string> find_program(const config::CommandHandler& command,
                                        const std::string& inherited_path) {
  const std::string& program = command.argv[0];
  const auto found = [](std::string path) {
    return is_program(path) ? std::optional(std::move(path)) : std::nullopt;
  };
  if (program.starts_with('/')) return found(program);
  if (program.find('/') != std::string::npos)
    return found((command.cwd.empty() ? "" : command.cwd) + "/" + program);
  const auto own = command.env.find("PATH");
  const auto& path = own == command.env.end() ? inherited_path : own->second;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    if (auto place = found(path.substr(begin, end - begin) + "/" + program)) return place;
    begin = end + 1;
  }
  return std::nullopt;
}

std::string program_fault(const config::CommandHandler& command, const std::string& path) {
  Owners owners{geteuid(), geteuid()};
  if (const passwd* user = command.user.empty() ? nullptr : getpwnam(command.user.c_str()))
    owners.other = user->pw_uid;
  return fault_of_program(path, owners);
}

}  // namespace schedctl::cli
