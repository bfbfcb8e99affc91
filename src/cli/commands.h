// The subcommands: one file each in this folder, one line each in the table of commands.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "util/error.h"

namespace schedctl::cli {

// What every subcommand shares: the global flags and the configuration, loaded when first asked
// for.
class Program {
 public:
  config::Overrides overrides;
  bool json = false;
  std::function<ExitCode()> action;  // set by the chosen subcommand's callback

  const config::Config& config();  // throws ConfigError
  // Writes to stdout; finish_output tells whether all of it arrived.
  void print(std::string_view text);
  // The exit code of a command that is otherwise over: a reader that went away (head -1) is no
  // error; a full disk is one that the caller must hear of.
  int finish_output(ExitCode code);
  // One line on stderr, for what went wrong without ending the command.
  void complain(const std::string& message);

 private:
  std::optional<config::Config> config_;
  int output_error_ = 0;  // the first errno of stdout
};

using Register = void (*)(CLI::App& app, Program& program);

struct Command {
  const char* name;
  Register add;
};

// Every subcommand, where a run builds only the one that is named: what manual pages, completions
// and their tests are made from. `program` must outlive it.
std::unique_ptr<CLI::App> whole_command_line(Program& program);

void add_process(CLI::App& app, Program& program);
void add_cleanup_stuck(CLI::App& app, Program& program);
void add_status(CLI::App& app, Program& program);
void add_setup_cron(CLI::App& app, Program& program);
void add_test(CLI::App& app, Program& program);
void add_migrate(CLI::App& app, Program& program);
void add_enqueue(CLI::App& app, Program& program);
void add_job(CLI::App& app, Program& program);
void add_history(CLI::App& app, Program& program);
void add_logs(CLI::App& app, Program& program);
void add_pause(CLI::App& app, Program& program);
void add_resume(CLI::App& app, Program& program);
void add_definitions(CLI::App& app, Program& program);
void add_run(CLI::App& app, Program& program);
void add_simulate(CLI::App& app, Program& program);
void add_next(CLI::App& app, Program& program);
void add_validate(CLI::App& app, Program& program);
void add_config(CLI::App& app, Program& program);
void add_db(CLI::App& app, Program& program);

}  // namespace schedctl::cli
