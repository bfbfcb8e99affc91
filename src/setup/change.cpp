#include "setup/change.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "setup/block.h"
#include "setup/cron_lines.h"
#include "util/error.h"
#include "util/private_file.h"
#include "util/text.h"

namespace schedctl::setup {
namespace {

constexpr const char* cron_d = "/etc/cron.d";

// Opened as a file that is about to be written: what is no plain file of ours is refused.
std::string read_file(const std::string& path) {
  const auto file = open_private_file(path, Create::no);
  if (!file) return "";
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0)
      throw Error(ExitCode::permission,
                  fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

void write_file(const std::string& path, const std::string& text) {
  if (!text.empty()) return write_public_file(path, text);
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    throw Error(ExitCode::cannot_create,
                fmt::format("{}: cannot be removed: {}", path, std::strerror(errno)));
}

Change change_file(const std::string& path) {
  return {.place = path,
          .before = read_file(path),
          .after = "",
          .read = [path] { return read_file(path); },
          .write = [path](const std::string& text) { write_file(path, text); },
          .tidy = [path] { unlink((path + ".tmp").c_str()); }};
}

}  // namespace

Change change_table(const Plan& plan, Aim aim) {
  const auto table = std::make_shared<Crontab>(plan.user);
  Change change{.place = table->place(),
                .before = table->read(),
                .after = "",
                .read = [table] { return table->read(); },
                .write = [table](const std::string& text) { table->write(text); },
                .tidy = {}};
  const auto id = id_of(plan.config);
  const auto around = around_block(change.before, id, change.place);
  change.after = aim == Aim::remove ? around.before + around.after
                                    : with_block(change.before, id,
                                                 table_lines(plan, around.before), change.place);
  return change;
}

Change change_cron_d(const Plan& plan, Aim aim) {
  if (access(cron_d, F_OK) != 0)
    throw Error(
        ExitCode::unavailable,
        fmt::format("no folder {}: install the package \"cron\", or use --systemd", cron_d));
  if (geteuid() != 0)
    throw Error(ExitCode::permission, fmt::format("{}: only root may write there: use sudo, or a "
                                                  "crontab, without --cron-d",
                                                  cron_d));
  auto change = change_file(fmt::format("{}/{}", cron_d, name_of(plan.config)));
  const auto id = id_of(plan.config);
  change.after = aim == Aim::remove
                     ? without_block(change.before, id, change.place)
                     : with_block(change.before, id, cron_d_lines(plan), change.place);
  return change;
}

std::vector<Change> change_units(const Plan& plan, Aim aim, const std::vector<Unit>& units,
                                 const std::string& folder) {
  const auto id = id_of(plan.config);
  std::vector<Change> changes;
  for (const auto& unit : units) {
    auto change = change_file(folder + "/" + unit.name);
    const bool foreign = !without_block(change.before, id, change.place).empty();
    if (foreign)
      throw DataError(fmt::format(
          "{}: holds lines that setup-cron did not write: remove it, or move them into {}.d/*.conf",
          escape_control(change.place), escape_control(change.place)));
    if (aim == Aim::put) change.after = with_block("", id, unit.text, change.place);
    changes.push_back(std::move(change));
  }
  return changes;
}

void apply(const std::vector<Change>& changes) {
  for (const auto& change : changes)
    if (change.read() != change.before)
      throw Error(ExitCode::temporary,
                  fmt::format("{}: was changed meanwhile, nothing is written: run this again",
                              escape_control(change.place)));
  for (const auto& change : changes) {
    if (change.tidy) change.tidy();
    if (change.changes()) change.write(change.after);
  }
}

}  // namespace schedctl::setup
