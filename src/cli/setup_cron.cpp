// schedctl setup-cron -- have runs started by cron or systemd.
#include "cli/setup_cron.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "config/paths.h"
#include "run/host_lock.h"
#include "run/spool.h"
#include "setup/block.h"
#include "setup/change.h"
#include "setup/cron_lines.h"
#include "setup/diff.h"
#include "setup/look.h"
#include "setup/systemd.h"
#include "util/capture.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

using setup::Aim;
using setup::Change;
using setup::Plan;
using setup::Unit;
using setup::UnitKind;

void refuse_combinations(const SetupOptions& options) {
  if (options.user && options.user->empty() && !options.systemd)
    throw UsageError("--user needs a name, unless --systemd is given too");
  if (options.systemd && options.mailto)
    throw UsageError("--mailto: systemd sends no mail: leave it out; see journalctl(1)");
  if (options.remove && (options.every || options.schedule))
    throw UsageError("--remove: leave out how often, as nothing will be started");
  if (!options.remove && !options.print && !options.every && !options.schedule)
    throw UsageError(
        "how often? Nobody is there to ask: give --every 1m, or --schedule with five fields of "
        "cron");
}

Account account_for(const SetupOptions& options) {
  if (!options.user || options.user->empty()) {
    if (const auto own = find_account(geteuid())) return *own;
    throw UsageError(fmt::format("user id {} has no name on this system", geteuid()));
  }
  const auto account = find_account(*options.user);
  if (!account)
    throw UsageError(fmt::format("--user \"{}\": there is no such user on this system",
                                 escape_control(*options.user)));
  if (account->uid != geteuid() && geteuid() != 0)
    throw Error(ExitCode::permission,
                fmt::format("--user {}: only root may set up for others: use sudo", account->name));
  return *account;
}

setup::When when_of(const SetupOptions& options) {
  const char* flag = options.schedule ? "--schedule" : "--every";
  try {
    return options.schedule ? setup::by_schedule(*options.schedule)
                            : setup::every(parse_duration(options.every.value_or("1m")));
  } catch (const DataError& e) {
    throw UsageError(fmt::format("{}: {}", flag, e.what()));
  }
}

std::string own_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error || path.ends_with(" (deleted)"))
    throw Error(ExitCode::temporary,
                "this program's file was replaced while it ran: run this again");
  return path;
}

Plan plan_for(const SetupOptions& options, Program& program) {
  const auto config = config::find_config_file(program.overrides.config_file);
  if (!config)
    throw ConfigError(fmt::format(
        "no configuration file found: write {}, or name one with --config", setup::system_config));
  const char* profile = std::getenv("SCHEDCTL_PROFILE");
  Plan plan{.program = own_path(),
            .config = *config,
            .when = when_of(options),
            .user = account_for(options),
            .path = options.path,
            .mailto = options.mailto.value_or(""),
            .log_file = options.log_file.value_or(""),
            .profile = profile && *profile ? profile : ""};
  setup::check(plan);
  return plan;
}

UnitKind kind_of(const SetupOptions& options, const Plan& plan) {
  if (options.user && options.user->empty()) return UnitKind::session;
  return plan.user.uid == 0 ? UnitKind::root : UnitKind::user;
}

// The folders that runs write into, as far as they are not systemd's to make.
std::vector<std::string> writable_folders(const Plan& plan, const setup::Look& look,
                                          UnitKind kind) {
  const auto lock_folder = run::folder_of(look.lock_file);
  const auto spool_parent = run::folder_of(run::Spool::folder_for(look.lock_file));
  std::vector<std::string> folders;
  if (kind != UnitKind::root || lock_folder != "/run/schedctl") folders.push_back(lock_folder);
  if (spool_parent != lock_folder) folders.push_back(spool_parent);
  const auto& log_file = plan.log_file.empty() ? look.log_file : plan.log_file;
  if (!log_file.empty()) folders.push_back(run::folder_of(log_file));
  return folders;
}

bool may_write(const Account& user, const std::string& path) {
  return capture({.argv = {"/usr/bin/test", "-w", path}, .env = {}, .input = "", .user = user})
             .exit_code == 0;
}

void check_log_file(const Plan& plan) {
  if (plan.log_file.empty()) return;
  const auto& path = plan.log_file;
  if (may_write(plan.user, access(path.c_str(), F_OK) == 0 ? path : run::folder_of(path))) return;
  throw Error(ExitCode::permission,
              fmt::format("--log-file {}: user {} cannot write it: make it theirs, or choose "
                          "another",
                          path, plan.user.name));
}

// A unit may only write into folders that are there when it starts.
void make_folders(const Plan& plan, const std::vector<std::string>& folders) {
  for (const auto& folder : folders) {
    const auto end = capture({.argv = {"/bin/mkdir", "-p", "-m", "0700", "--", folder},
                              .env = {"PATH=/usr/bin:/bin", "LC_ALL=C"},
                              .input = "",
                              .user = plan.user});
    if (end.exit_code != 0)
      throw Error(ExitCode::cannot_create, fmt::format("user {} cannot make the folder {}: {}",
                                                       plan.user.name, folder, last_line(end.err)));
  }
}

struct Setup {
  const SetupOptions& options;
  Plan plan;
  UnitKind kind = UnitKind::user;
  std::vector<std::string> folders;
  std::vector<Unit> units;  // none with cron
  std::vector<std::string> warnings;
};

Setup prepare(const SetupOptions& options, Program& program) {
  Setup setup{.options = options,
              .plan = plan_for(options, program),
              .folders = {},
              .units = {},
              .warnings = {}};
  auto& plan = setup.plan;
  if (options.remove) {
    setup.kind = kind_of(options, plan);
    if (options.systemd) setup.units = setup::units(plan, setup.kind, {});
    return setup;
  }
  const auto look = setup::look_as_started(plan);
  setup.warnings = look.warnings;
  setup.kind = kind_of(options, plan);
  check_log_file(plan);
  if (!options.systemd) {
    // A user without a home is found out now, not by a run.
    if (setup.kind != UnitKind::root) setup.folders = {run::folder_of(look.lock_file)};
    return setup;
  }
  plan.stop_timeout = look.stop_timeout;
  if (setup.kind != UnitKind::session) setup.folders = writable_folders(plan, look, setup.kind);
  setup.units = setup::units(plan, setup.kind, setup.folders);
  return setup;
}

std::vector<Change> changes_of(const Setup& setup) {
  const auto aim = setup.options.remove ? Aim::remove : Aim::put;
  if (setup.options.systemd)
    return setup::change_units(setup.plan, aim, setup.units, setup::unit_folder(setup.kind));
  if (setup.options.cron_d) return {setup::change_cron_d(setup.plan, aim)};
  return {setup::change_table(setup.plan, aim)};
}

nlohmann::ordered_json describe(const Setup& setup) {
  const char* target = setup.options.systemd  ? "systemd"
                       : setup.options.cron_d ? "cron.d"
                                              : "crontab";
  return {{"schema_version", 1},
          {"target", target},
          {"user", setup.plan.user.name},
          {"id", setup::id_of(setup.plan.config)},
          {"warnings", setup.warnings}};
}

void print_json(const nlohmann::ordered_json& object, Program& program) {
  program.print(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                "\n");
}

// What would be written, wherever this runs: nothing is looked at but the configuration.
ExitCode print_only(const Setup& setup, Program& program) {
  std::vector<Unit> files = setup.units;
  const auto id = setup::id_of(setup.plan.config);
  if (!setup.options.systemd)
    files.push_back({setup.options.cron_d ? setup::name_of(setup.plan.config) : "crontab",
                     setup.options.cron_d ? setup::cron_d_lines(setup.plan)
                                          : setup::table_lines(setup.plan, "")});
  auto rows = nlohmann::ordered_json::array();
  for (auto& [name, text] : files) {
    text = setup::with_block("", id, text, name);
    rows.push_back({{"name", name}, {"text", text}});
    if (!program.json) program.print((setup.options.systemd ? "# " + name + "\n" : "") + text);
  }
  auto object = describe(setup);
  object["files"] = std::move(rows);
  if (program.json) print_json(object, program);
  return ExitCode::ok;
}

bool any_changes(const std::vector<Change>& changes) {
  return std::any_of(changes.begin(), changes.end(), [](const auto& c) { return c.changes(); });
}

// Returns what is left to a person to do; empty: nothing.
std::string carry_out(const Setup& setup, const std::vector<Change>& changes) {
  const bool has_timers = !setup.units.empty();
  if (setup.options.remove) {
    if (!any_changes(changes)) return "";
    if (has_timers) setup::stop_timers(setup.units, setup.kind);
    setup::apply(changes);
    if (has_timers) setup::reload(setup.kind);
    return "";
  }
  make_folders(setup.plan, setup.folders);
  setup::apply(changes);
  if (!has_timers) return "";
  return setup::start_timers(setup.units, setup.kind)
             ? ""
             : setup::start_command(setup.units, setup.kind);
}

void report(const Setup& setup, const std::vector<Change>& changes, const std::string& left_to_do,
            Program& program) {
  if (program.json) {
    auto object = describe(setup);
    object["changed"] = any_changes(changes);
    auto rows = nlohmann::ordered_json::array();
    for (const auto& change : changes)
      rows.push_back({{"place", change.place},
                      {"changed", change.changes()},
                      {"diff", setup::diff(change.before, change.after, change.place)}});
    object["changes"] = std::move(rows);
    object["left_to_do"] = nullptr;
    if (!left_to_do.empty()) object["left_to_do"] = left_to_do;
    return print_json(object, program);
  }
  for (const auto& change : changes) {
    const char* what = !change.changes()      ? "no change"
                       : setup.options.remove ? "removed"
                                              : "written";
    program.print(fmt::format("{}: {}\n", escape_control(change.place), what));
  }
  if (!left_to_do.empty())
    program.print(fmt::format("systemd does not run here; where it does, type: {}\n", left_to_do));
}

ExitCode set_up(SetupOptions options, Program& program) {
  const bool asks = can_ask() && !program.json && !options.yes && !options.print;
  if (asks && !options.remove) ask_for_the_rest(options);
  refuse_combinations(options);
  const auto setup = prepare(options, program);
  for (const auto& warning : setup.warnings)
    if (!program.json) program.complain(warning);
  if (options.print) return print_only(setup, program);

  const auto changes = changes_of(setup);
  if (!program.json)
    for (const auto& change : changes)
      program.print(setup::diff(change.before, change.after, change.place));
  if (asks && any_changes(changes) && !confirm("Write it?")) {
    program.print("nothing was changed\n");
    return ExitCode::failed;
  }
  report(setup, changes, carry_out(setup, changes), program);
  return ExitCode::ok;
}

}  // namespace

void add_setup_cron(CLI::App& app, Program& program) {
  auto options = std::make_shared<SetupOptions>();
  options->path = setup::usual_path;
  auto* command =
      app.add_subcommand("setup-cron", "Have runs started by cron or systemd; asks on a terminal");
  auto* every = command->add_option("--every", options->every, "How often: 1m, 5m, 1h …");
  every->type_name("DURATION");
  command->add_option("--schedule", options->schedule, "When: five fields of cron")
      ->type_name("FIELDS")
      ->excludes(every);
  command
      ->add_option("--user", options->user,
                   "Whose table it is, or as whom it runs; with --systemd and without a name: "
                   "units of one's own")
      ->expected(0, 1)
      ->type_name("NAME");
  auto* cron_d = command->add_flag("--cron-d", options->cron_d,
                                   "A file in /etc/cron.d instead of a user's table");
  command->add_flag("--systemd", options->systemd, "Units of systemd instead")->excludes(cron_d);
  command->add_option("--mailto", options->mailto, "To whom cron writes what is printed")
      ->type_name("ADDRESS");
  command->add_option("--log-file", options->log_file, "A file with all log lines")
      ->type_name("FILE");
  command->add_option("--path", options->path, "PATH of the runs, and of handlers")
      ->type_name("PATH")
      ->capture_default_str();
  auto* print = command->add_flag("--print", options->print, "Print it, change nothing");
  command->add_flag("--remove", options->remove, "Take it away again")->excludes(print);
  command->add_flag("--yes", options->yes, "Ask nothing");
  command->callback([options, &program] {
    program.action = [options, &program] { return set_up(*options, program); };
  });
}

}  // namespace schedctl::cli
