#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "shells.h"

namespace schedctl::pages {
namespace {

// Inside single quotes and the brackets of a specification.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string function_name(std::string command) {
  std::ranges::replace_if(
      command, [](char c) { return c == ' ' || c == '-'; }, '_');
  return "_" + command;
}

std::string action_of(const Option& option) {
  if (option.takes_file) return "_files";
  if (!option.choices.empty()) return fmt::format("({})", fmt::join(option.choices, " "));
  return " ";
}

std::string specifications(const Command& command) {
  std::string text;
  for (const auto& option : command.options)
    for (const auto& name : option.names) {
      const bool is_long = name.starts_with("--");
      text += fmt::format(" \\\n    '{}{}{}[{}]{}'", option.repeatable ? "*" : "", name,
                          option.value.empty() || !is_long ? "" : "=", escaped(option.description),
                          option.value.empty()
                              ? ""
                              : fmt::format(":{}:{}", escaped(option.value), action_of(option)));
    }
  return text;
}

std::string global_specifications(const Command& program) {
  auto globals = program;
  std::erase_if(globals.options, [](const Option& option) {
    return option.names.back() == "--help" || option.names.back() == "--version";
  });
  return specifications(globals);
}

void append_function(const Command& command, const std::string& globals, std::string& out) {
  const auto function = function_name(command.name);
  out += fmt::format("{}() {{\n", function);
  if (command.commands.empty()) {
    out += fmt::format("  _arguments{}{}", specifications(command), globals);
    for (const auto& argument : command.arguments)
      out += fmt::format(" \\\n    '{}:{}: '", argument.repeatable ? "*" : "",
                         escaped(argument.names[0]));
    out += "\n}\n\n";
    return;
  }
  std::string list, cases;
  for (const auto& sub : command.commands) {
    list += fmt::format("\n    '{}:{}'", escaped(sub.word), escaped(sub.description));
    cases += fmt::format("        {}) {} ;;\n", sub.word, function_name(sub.name));
  }
  out += fmt::format(
      "  local state line\n  local -a commands=({}\n  )\n"
      "  _arguments -C{}{} \\\n    '1:command:->command' '*::argument:->argument'\n"
      "  case $state in\n    command) _describe command commands ;;\n"
      "    argument)\n      case $line[1] in\n{}      esac ;;\n  esac\n}}\n\n",
      list, specifications(command), globals, cases);
  for (const auto& sub : command.commands)
    append_function(sub, globals.empty() ? global_specifications(command) : globals, out);
}

}  // namespace

std::string zsh_completion(const Command& program) {
  std::string out = "#compdef schedctl\n# zsh completion for schedctl\n\n";
  append_function(program, "", out);
  return out +
         "if [[ $funcstack[1] == _schedctl ]]; then\n  _schedctl \"$@\"\nelse\n"
         "  compdef _schedctl schedctl\nfi\n";
}

}  // namespace schedctl::pages
