#include <fmt/format.h>
#include <unistd.h>

#include <functional>
#include <iostream>

#include "cli/setup_cron.h"
#include "setup/when.h"
#include "util/account.h"
#include "util/capture.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

std::string read_answer() {
  std::string line;
  if (!std::getline(std::cin, line)) {
    std::fputc('\n', stdout);
    throw Error(ExitCode::failed, "no answer: nothing was changed");
  }
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// Asks again until `take` finds no fault with the answer.
void ask(const std::string& question, const std::string& preset,
         const std::function<void(const std::string&)>& take) {
  for (;;) {
    fmt::print("{}{} ", question, preset.empty() ? "" : fmt::format(" [{}]", preset));
    std::fflush(stdout);
    auto answer = read_answer();
    if (answer.empty()) answer = preset;
    try {
      return take(answer);
    } catch (const Error& e) {
      fmt::print("  {}\n", e.what());
    }
  }
}

void ask_how_often(SetupOptions& options) {
  ask("How often is a run to be started? An interval, or five fields of cron", "1m",
      [&](const std::string& answer) {
        if (answer.find(' ') != std::string::npos || answer.starts_with('@')) {
          setup::by_schedule(answer);
          options.schedule = answer;
        } else {
          setup::every(parse_duration(answer));
          options.every = answer;
        }
      });
}

void ask_where(SetupOptions& options) {
  const bool is_root = geteuid() == 0;
  const std::string preset = find_program("crontab").empty() ? "systemd" : "crontab";
  const std::string choices = is_root ? "crontab, cron.d or systemd" : "crontab or systemd";
  ask(fmt::format("What is to start it: {}?", choices), preset, [&](const std::string& answer) {
    if (answer != "crontab" && answer != "systemd" && !(is_root && answer == "cron.d"))
      throw DataError(fmt::format("\"{}\": answer {}", escape_control(answer), choices));
    options.cron_d = answer == "cron.d";
    options.systemd = answer == "systemd";
    if (options.systemd && !is_root) options.user = "";
  });
}

// Only root has a choice.
void ask_for_user(SetupOptions& options) {
  if (geteuid() != 0) return;
  ask("As which user?", "root", [&](const std::string& answer) {
    if (!find_account(answer))
      throw DataError(fmt::format("there is no user \"{}\"", escape_control(answer)));
    options.user = answer;
  });
}

void ask_where_logs_go(SetupOptions& options) {
  const bool mail = !options.systemd;
  const std::string usual = mail ? "mail" : "journal";
  ask(fmt::format("Where do log lines go: {} (warnings and errors), or a file with all of them?",
                  usual),
      usual, [&](const std::string& answer) {
        if (answer == usual) return;
        if (!answer.starts_with('/'))
          throw DataError(fmt::format("\"{}\": answer {}, or the path of a file, from / on",
                                      escape_control(answer), usual));
        options.log_file = answer;
      });
  if (!mail || options.mailto) return;
  ask("To whom is cron to write? An address; empty: as it does now", "",
      [&](const std::string& answer) {
        if (!answer.empty()) options.mailto = answer;
      });
}

}  // namespace

bool can_ask() { return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1; }

void ask_for_the_rest(SetupOptions& options) {
  if (!options.every && !options.schedule) ask_how_often(options);
  if (!options.says_where()) ask_where(options);
  if (!options.user) ask_for_user(options);
  if (!options.log_file) ask_where_logs_go(options);
}

bool confirm(const std::string& question) {
  fmt::print("{} [y/N] ", question);
  std::fflush(stdout);
  const auto answer = read_answer();
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace schedctl::cli
