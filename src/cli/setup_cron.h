// The parts of setup-cron: what was asked for, and the questions that fill in the rest.
#pragma once

#include <optional>
#include <string>

namespace schedctl::cli {

struct SetupOptions {
  std::optional<std::string> every;
  std::optional<std::string> schedule;
  std::optional<std::string> user;  // "" with --systemd: the user's own manager
  std::optional<std::string> mailto;
  std::optional<std::string> log_file;
  std::string path;
  bool cron_d = false;
  bool systemd = false;
  bool print = false;
  bool remove = false;
  bool yes = false;

  bool says_where() const { return cron_d || systemd; }
};

// Whether there is a person to ask: standard input and output are a terminal.
bool can_ask();
// Asks for what the options leave open, each with a preset that an empty line takes. Throws Error 1
// when there is no answer (end of file): then nothing has been changed.
void ask_for_the_rest(SetupOptions& options);
// "y" or "yes"; anything else is no.
bool confirm(const std::string& question);

}  // namespace schedctl::cli
