#include <fmt/format.h>
#include <fmt/ranges.h>

#include "shells.h"

namespace schedctl::pages {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string line_of(const std::string& condition, const Option& option) {
  auto line = fmt::format("complete -c schedctl{}", condition);
  for (const auto& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.takes_file)
    line += " -r -F";
  else if (!option.value.empty())
    line += " -x";
  if (!option.choices.empty()) line += fmt::format(" -a '{}'", fmt::join(option.choices, " "));
  return fmt::format("{} -d {}\n", line, quoted(option.description));
}

void append_lines(const Command& command, std::string& out) {
  const bool is_program = command.word == "schedctl";
  const auto here = fmt::format(" -n '__schedctl_at \"{}\"'", command.name);
  for (const auto& sub : command.commands)
    out += fmt::format("complete -c schedctl{} -a {} -d {}\n", here, sub.word,
                       quoted(sub.description));
  for (const auto& option : command.options) {
    const bool everywhere = is_program && option.names.back() != "--version";
    if (is_program || option.names.back() != "--help")
      out += line_of(everywhere ? "" : here, option);
  }
  for (const auto& sub : command.commands) append_lines(sub, out);
}

void append_cases(const Command& command, std::string& out) {
  for (const auto& option : command.options)
    if (!option.value.empty() && option.names.back().starts_with("--"))
      out += fmt::format("            case '{},{}'\n                set skip 1\n",
                         command.word == "schedctl" ? "*" : command.name, option.names.back());
  for (const auto& sub : command.commands)
    out += fmt::format("            case '{},{}'\n                set path \"$path {}\"\n",
                       command.name, sub.word, sub.word);
  for (const auto& sub : command.commands) append_cases(sub, out);
}

}  // namespace

std::string fish_completion(const Command& program) {
  std::string cases, lines;
  append_cases(program, cases);
  append_lines(program, lines);
  return fmt::format(R"(# fish completion for schedctl
function __schedctl_at --description 'Whether this command is the one that is being typed'
    set -l path schedctl
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$path,$word"
{}        end
    end
    test "$path" = "$argv[1]"
end

complete -c schedctl -f
{})",
                     cases, lines);
}

}  // namespace schedctl::pages
