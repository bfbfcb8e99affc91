#include "man.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "cli/page.h"
#include "roff.h"

namespace schedctl::pages {
namespace {

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string hyphenated(std::string text) {
  std::ranges::replace(text, ' ', '-');
  return text;
}

// As the end of "name \- ", where manuals begin small.
std::string summary(std::string text) {
  if (text.size() > 1 && !std::isupper(static_cast<unsigned char>(text[1])))
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string heading(const std::string& name, int section, const std::string& description) {
  return fmt::format(".TH {} {} {} \"schedctl {}\" \"{}\"\n.nh\n.SH NAME\n{} \\- {}\n", upper(name),
                     section, SCHEDCTL_DATE, SCHEDCTL_VERSION,
                     section == 1 ? "User Commands" : "File Formats", typed(name),
                     prose(summary(description)));
}

std::string section(const std::string& title, const std::string& content) {
  return content.empty() ? "" : fmt::format(".SH {}\n{}", title, content);
}

std::string synopsis(const Command& command) {
  if (!command.commands.empty() && command.word != "schedctl") {
    std::string all;
    for (const auto& sub : command.commands) all += synopsis(sub);
    return all;
  }
  auto text = fmt::format(".SY \"{}\"\n", typed(command.name));
  for (const auto& option : command.options)
    if (option.names.back() != "--help" && option.names.back() != "--version")
      text += fmt::format(".OP {}{}\n", typed(option.names.back()),
                          option.value.empty() ? "" : " " + typed(option.value));
  for (const auto& argument : command.arguments) {
    const auto name = italic(argument.names[0]) + (argument.repeatable ? "..." : "");
    text += argument.required ? name + '\n' : fmt::format("[{}]\n", name);
  }
  return text + (command.commands.empty() ? "" : "\\fIcommand\\fR [\\fIargument\\fR...]\n") +
         ".YS\n";
}

// What the text adds under "= --flag" to what the code says; with or without its value there.
std::string more_about(std::string_view items, const std::string& name) {
  std::string found;
  bool inside = false;
  while (!items.empty()) {
    const auto end = std::min(items.find('\n'), items.size() - 1);
    const auto line = items.substr(0, end + 1);
    items.remove_prefix(end + 1);
    if (line.starts_with("= ") || line == "\n") {
      const auto head = line.substr(std::min<std::size_t>(2, line.size()));
      inside = line != "\n" && head.substr(0, head.find_first_of(" \n")) == name;
    } else if (inside) {
      found += line;
    }
  }
  return found;
}

std::string sentence(std::string text) {
  if (!text.empty() && text.back() != '.') text += '.';
  return text;
}

std::string list_options(const std::vector<Option>& options, std::string_view more) {
  std::string text;
  for (const auto& option : options) {
    std::string names;
    for (const auto& name : option.names)
      names += (names.empty() ? "" : ", ") + (name[0] == '-' ? bold(name) : italic(name));
    if (!option.value.empty() && option.names[0][0] == '-')
      names += ' ' + (option.choices.empty() ? italic(option.value) : bold(option.value));
    if (option.repeatable) names += "...";
    text += fmt::format(".TP\n{}\n{}\n{}", names, prose(sentence(option.description)),
                        body(more_about(more, option.names.back())));
  }
  return text;
}

std::string options_of(const Command& command, std::string_view more) {
  return list_options(command.arguments, more) + list_options(command.options, more);
}

std::string list_subcommands(const Command& command) {
  std::string text;
  for (const auto& sub : command.commands) {
    text += fmt::format(".SS {}\n{}\n", typed(sub.name.substr(sub.name.find(' ') + 1)),
                        prose(sentence(sub.description)));
    text += options_of(sub, {});
  }
  return text;
}

// Sections of the text that have no place of their own, in its order.
std::string other_sections(std::string_view text) {
  constexpr std::array placed = {"DESCRIPTION", "OPTIONS", "EXAMPLES", "SEE ALSO", "KEYS"};
  std::string all;
  for (const auto title : cli::titles_of(text))
    if (std::ranges::find(placed, title) == placed.end())
      all += section(std::string(title), body(cli::section_of(text, title)));
  return all;
}

std::string end_of(std::string_view text, const std::string& see_also) {
  const auto more = cli::section_of(text, "SEE ALSO");
  return section("EXAMPLES", body(cli::section_of(text, "EXAMPLES"))) +
         section("SEE ALSO", body(see_also + (more.empty() ? "" : ",\n" + std::string(more))));
}

}  // namespace

std::string program_page(const Command& program, std::string_view text) {
  std::string commands;
  for (const auto& command : program.commands)
    commands += fmt::format(".TP\n{}(1)\n{}\n", bold(hyphenated(command.name)),
                            prose(sentence(command.description)));
  return heading(program.name, 1, program.description) + section("SYNOPSIS", synopsis(program)) +
         section("DESCRIPTION", body(cli::section_of(text, "DESCRIPTION"))) +
         section("OPTIONS", "These go with every command.\n" +
                                options_of(program, cli::section_of(text, "OPTIONS"))) +
         section("COMMANDS", commands) + other_sections(text) + end_of(text, "schedctl.toml(5)");
}

std::string command_page(const Command& command, std::string_view text) {
  return heading(hyphenated(command.name), 1, command.description) +
         section("SYNOPSIS", synopsis(command)) +
         section("DESCRIPTION", body(cli::section_of(text, "DESCRIPTION"))) +
         section("OPTIONS", options_of(command, cli::section_of(text, "OPTIONS")) + ".PP\n" +
                                prose("Those of every command are in schedctl(1).") + "\n") +
         section("COMMANDS", list_subcommands(command)) + other_sections(text) +
         end_of(text, "schedctl(1), schedctl.toml(5)");
}

std::string configuration_page(const std::vector<config::CatalogueSection>& sections,
                               std::string_view text) {
  const auto items = cli::section_of(text, "KEYS");
  std::string keys;
  for (const auto& [title, prefix, list] : sections) {
    keys += fmt::format(".SS \"{}\"\n", typed(title));
    for (const auto& key : list) {
      keys += fmt::format(".TP\n{}{}\n{}", bold(key.name),
                          key.initial.empty() ? "" : " = " + typed(key.initial),
                          body(more_about(items, prefix + "." + key.name)));
      if (!key.variable.empty()) keys += fmt::format("Environment: {}.\n", bold(key.variable));
    }
  }
  const auto trailing = items.rfind("\n\n");
  if (trailing != std::string_view::npos) keys += ".PP\n" + body(items.substr(trailing + 2));
  return heading("schedctl.toml", 5, "what schedctl does and how") +
         section("DESCRIPTION", body(cli::section_of(text, "DESCRIPTION"))) +
         section("KEYS", keys) + other_sections(text) +
         end_of(text, "schedctl(1), schedctl-validate(1)");
}

}  // namespace schedctl::pages
