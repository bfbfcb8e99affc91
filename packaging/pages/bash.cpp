#include <fmt/format.h>
#include <fmt/ranges.h>

#include "shells.h"

namespace schedctl::pages {
namespace {

void visit(const Command& command, const auto& each) {
  each(command);
  for (const auto& sub : command.commands) visit(sub, each);
}

// Options of the program go with every command.
std::string pattern(const Command& command, const std::string& word) {
  return command.word == "schedctl" ? fmt::format("*,{}", word)
                                    : fmt::format("'{}',{}", command.name, word);
}

std::string words_that_lead_on(const Command& program) {
  std::string cases;
  visit(program, [&](const Command& command) {
    for (const auto& option : command.options)
      if (!option.value.empty())
        for (const auto& name : option.names)
          cases += fmt::format("      {}) i=$((i + 1)) ;;\n", pattern(command, name));
    for (const auto& sub : command.commands)
      cases += fmt::format("      '{}',{}) path+=' {}' ;;\n", command.name, sub.word, sub.word);
  });
  return cases;
}

std::string values(const Command& program) {
  std::string cases;
  visit(program, [&](const Command& command) {
    for (const auto& option : command.options) {
      if (option.value.empty()) continue;
      std::string action = "return";
      if (option.takes_file) action = "_schedctl_files; return";
      if (!option.choices.empty())
        action = fmt::format("words='{}'; choose=1", fmt::join(option.choices, " "));
      for (const auto& name : option.names)
        cases += fmt::format("    {}) {} ;;\n", pattern(command, name), action);
    }
  });
  return cases;
}

std::string words(const Command& program) {
  std::string cases;
  visit(program, [&](const Command& command) {
    std::vector<std::string> all;
    for (const auto& sub : command.commands) all.push_back(sub.word);
    for (const auto& option : command.options)
      for (const auto& name : option.names) all.push_back(name);
    if (command.word != "schedctl") all.insert(all.end(), {"--config", "--log-level", "--json"});
    cases += fmt::format("    '{}') words='{}' ;;\n", command.name, fmt::join(all, " "));
  });
  return cases;
}

}  // namespace

std::string bash_completion(const Command& program) {
  return fmt::format(R"(# bash completion for schedctl
_schedctl_files() {{
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")
}}

_schedctl() {{
  local path=schedctl words='' choose='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path,${{COMP_WORDS[i]}}" in
{}    esac
  done
  case "$path,${{COMP_WORDS[COMP_CWORD - 1]}}" in
{}  esac
  if [[ -z $choose ]]; then
    case $path in
{}    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")
}}

complete -F _schedctl schedctl
)",
                     words_that_lead_on(program), values(program), words(program));
}

}  // namespace schedctl::pages
