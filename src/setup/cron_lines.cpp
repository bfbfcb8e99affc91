#include "setup/cron_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

namespace schedctl::setup {
namespace {

bool is_plain(unsigned char c) {
  return std::isalnum(c) ||
         std::string_view("/._-+=:,@%").find(static_cast<char>(c)) != std::string_view::npos;
}

std::string command_of(const Plan& plan, const char* subcommand) {
  // Not as lines of the table: they would hold for the lines of others too. env(1) is there for any
  // SHELL.
  std::string command = "/usr/bin/env";
  for (const auto& variable : environment_of(plan)) command += ' ' + cron_word(variable);
  return fmt::format("{} {} --config {} {}", command, cron_word(plan.program),
                     cron_word(plan.config), subcommand);
}

std::string lines(const Plan& plan, const std::string& user_column) {
  return fmt::format("{} {}{}\n{} {}{}\n", plan.when.cron, user_column, command_of(plan, "process"),
                     every(cleanup_interval).cron, user_column, command_of(plan, "cleanup-stuck"));
}

// The last MAILTO of the lines, as it is written; without one cron writes to the owner.
std::string mailto_in(const std::string& text, const std::string& owner) {
  static const std::regex assignment("^[ \t]*MAILTO[ \t]*=[^\n]*", std::regex::multiline);
  std::string last = "MAILTO=" + owner;
  for (std::sregex_iterator match(text.begin(), text.end(), assignment), end; match != end; ++match)
    last = match->str();
  return last;
}

}  // namespace

std::string cron_word(const std::string& text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, is_plain);
  std::string word = plain ? "" : "'";
  for (const char c : text) {
    if (c == '%')
      word += "\\%";
    else if (c == '\'')
      word += "'\\''";
    else
      word += c;
  }
  return plain ? word : word + "'";
}

std::string table_lines(const Plan& plan, const std::string& before) {
  const auto both = lines(plan, "");
  if (plan.mailto.empty()) return both;
  return fmt::format("MAILTO={}\n{}{}\n", plan.mailto, both, mailto_in(before, plan.user.name));
}

std::string cron_d_lines(const Plan& plan) {
  return (plan.mailto.empty() ? "" : fmt::format("MAILTO={}\n", plan.mailto)) +
         lines(plan, plan.user.name + ' ');
}

}  // namespace schedctl::setup
