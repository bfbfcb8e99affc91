#include "setup/crontab.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "util/capture.h"
#include "util/error.h"

namespace schedctl::setup {
namespace {

Captured run(const std::string& program, bool own, const std::string& user,
             const std::string& action, const std::string& input) {
  std::vector<std::string> argv = {program};
  if (!own) argv.insert(argv.end(), {"-u", user});
  argv.push_back(action);
  const char* path = std::getenv("PATH");
  return capture({.argv = std::move(argv),
                  .env = {std::string("PATH=") + (path ? path : "/usr/bin:/bin"), "LC_ALL=C"},
                  .input = input,
                  .user = {}});
}

}  // namespace

Crontab::Crontab(const Account& user)
    : program_(find_program("crontab")),
      user_(user.name),
      own_(user.uid == geteuid()),
      place_("crontab of " + user.name) {
  if (program_.empty())
    throw Error(ExitCode::unavailable,
                "no program crontab in PATH: install the package \"cron\", or use --systemd");
  if (!own_ && geteuid() != 0)
    throw Error(ExitCode::permission, fmt::format("{}: only root may change it: use sudo", place_));
}

std::string Crontab::read() const {
  const auto answer = run(program_, own_, user_, "-l", "");
  if (answer.exit_code == 0) return answer.out;
  if (answer.err.find("no crontab for") != std::string::npos) return "";
  const bool refused = answer.err.find("not allowed") != std::string::npos;
  throw Error(refused ? ExitCode::permission : ExitCode::cannot_create,
              fmt::format("{}: cannot be read: {}", place_, last_line(answer.err)));
}

void Crontab::write(const std::string& text) const {
  const auto answer = run(program_, own_, user_, text.empty() ? "-r" : "-", text);
  if (answer.exit_code == 0) return;
  throw Error(ExitCode::cannot_create,
              fmt::format("{}: not taken, the old one stays: {}", place_, last_line(answer.err)));
}

}  // namespace schedctl::setup
