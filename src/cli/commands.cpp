#include "cli/commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "cli/help.h"
#include "cli/run.h"
#include "run/server_memory.h"
#include "schedule/definition.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr const char* description =
    "A scheduler without a daemon: plans, claims, runs and records jobs in PostgreSQL";

constexpr Command commands[] = {
    {"process", add_process},
    {"cleanup-stuck", add_cleanup_stuck},
    {"status", add_status},
    {"setup-cron", add_setup_cron},
    {"test", add_test},
    {"migrate", add_migrate},
    {"enqueue", add_enqueue},
    {"job", add_job},
    {"history", add_history},
    {"logs", add_logs},
    {"pause", add_pause},
    {"resume", add_resume},
    {"definitions", add_definitions},
    {"run", add_run},
    {"simulate", add_simulate},
    {"next", add_next},
    {"validate", add_validate},
    {"config", add_config},
    {"db", add_db},
};

bool takes_value(const char* argument) {
  return std::strcmp(argument, "--config") == 0 || std::strcmp(argument, "--log-level") == 0;
}

// The first argument that is one; a file may be called like a command too.
const Command* named_command(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (takes_value(argv[i])) {
      ++i;
      continue;
    }
    for (const auto& command : commands)
      if (std::strcmp(argv[i], command.name) == 0) return &command;
  }
  return nullptr;
}

// Building a subcommand costs time at every start, so only the one that is named is built. Without
// a name, or with one that does not exist, all are, for the help text and the suggestion.
void add_commands(CLI::App& app, Program& program, int argc, char** argv) {
  if (const auto* command = named_command(argc, argv)) return command->add(app, program);
  for (const auto& command : commands) command.add(app, program);
}

void add_globals(CLI::App& app, Program& program) {
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", "schedctl " SCHEDCTL_VERSION);
  app.add_option("--config", program.overrides.config_file, "Configuration file")
      ->type_name("FILE");
  app.add_option("--log-level", program.overrides.log_level, "The least that is logged")
      ->type_name("debug|info|warn|error");
  app.add_flag("--json", program.json, "Print one JSON object");
}

// Of processes, memory or descriptors: passes.
bool is_shortage(int error) {
  return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

// fmt::print would throw when stderr cannot be written, and nobody could say what of.
void complain(const std::string& message) {
  std::fputs(fmt::format("schedctl: {}\n", message).c_str(), stderr);
}

// A descriptor that is closed at the start would be given to the database's socket, and text would
// go there. Opened for reading only, so that what is printed still fails.
void open_standard_descriptors() {
  int fd = 0;
  while (fd >= 0 && fd <= 2) fd = open("/dev/null", O_RDONLY);
  if (fd > 2) close(fd);
}

// Where help is to be found; a wrong command is named, with the one that was probably meant.
std::string explain(const CLI::ParseError& error, int argc, char** argv) {
  if (const auto* command = named_command(argc, argv))
    return fmt::format("{}: see \"schedctl {} --help\"", escape_control(error.what()),
                       command->name);
  std::vector<std::string> names;
  const char* word = nullptr;  // the first argument that is no flag
  for (const auto& command : commands) names.emplace_back(command.name);
  for (int i = 1; i < argc && !word; ++i)
    if (argv[i][0] != '-') word = argv[i];
  const bool other_fault = !dynamic_cast<const CLI::RequiredError*>(&error) &&
                           !dynamic_cast<const CLI::ExtrasError*>(&error);
  if (other_fault || !word)
    return fmt::format("{}: see \"schedctl --help\"",
                       argc < 2 ? "no command given" : escape_control(error.what()));
  const auto near = suggestion(word, names);
  return fmt::format("unknown command \"{}\": {}", escape_control(word),
                     near ? fmt::format("did you mean \"{}\"?", *near) : "see \"schedctl --help\"");
}

int usage_error(const CLI::ParseError& error, int argc, char** argv) {
  complain(explain(error, argc, argv));
  return static_cast<int>(ExitCode::usage);
}

}  // namespace

const config::Config& Program::config() {
  if (!config_) {
    auto loaded = config::load(overrides);
    schedule::check_schedules(loaded.definitions);
    const run::ServerMemory memory(loaded.process.lock_file);
    loaded.database.last_written = memory.recall();
    loaded.database.memory_file = memory.file();
    config_ = std::move(loaded);
  }
  return *config_;
}

void Program::print(std::string_view text) {
  const bool all = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!all && output_error_ == 0) output_error_ = errno;
}

int Program::finish_output(ExitCode code) {
  if (std::fflush(stdout) != 0 && output_error_ == 0) output_error_ = errno;
  if (output_error_ == 0 || output_error_ == EPIPE) return static_cast<int>(code);
  complain(fmt::format("standard output: {}", std::strerror(output_error_)));
  return static_cast<int>(ExitCode::cannot_create);
}

void Program::complain(const std::string& message) { cli::complain(message); }

std::unique_ptr<CLI::App> whole_command_line(Program& program) {
  auto app = std::make_unique<CLI::App>(description, "schedctl");
  add_globals(*app, program);
  for (const auto& command : commands) command.add(*app, program);
  return app;
}

int run(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  open_standard_descriptors();
  Program program;
  CLI::App app(description, "schedctl");
  add_globals(app, program);
  try {
    add_commands(app, program, argc, argv);
    app.parse(argc, argv);
    return program.finish_output(program.action());
  } catch (const CLI::CallForHelp& e) {
    program.print(help(app));
    return program.finish_output(ExitCode::ok);
  } catch (const CLI::CallForVersion& e) {
    program.print(fmt::format("{}\n", e.what()));
    return program.finish_output(ExitCode::ok);
  } catch (const CLI::ParseError& e) {
    return usage_error(e, argc, argv);
  } catch (const Error& e) {
    complain(e.what());
    return static_cast<int>(e.code());
  } catch (const std::bad_alloc&) {
    complain("out of memory");
    return static_cast<int>(ExitCode::temporary);
  } catch (const std::system_error& e) {
    const bool shortage = is_shortage(e.code().value());
    complain(fmt::format("{}: {}",
                         shortage ? "the system denies a thread, memory or a descriptor"
                                  : "the system refuses to go on",
                         e.what()));
    return static_cast<int>(shortage ? ExitCode::temporary : ExitCode::internal);
  } catch (const std::exception& e) {
    complain(fmt::format("internal error: {}", escape_control(e.what())));
    return static_cast<int>(ExitCode::internal);
  }
}

}  // namespace schedctl::cli
