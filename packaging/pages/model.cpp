#include "model.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "cli/help.h"

namespace schedctl::pages {
namespace {

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

// Lowercase alternatives are what may be typed; anything else stands for a kind of value.
std::vector<std::string> choices_of(const std::string& value) {
  std::vector<std::string> choices;
  const bool typed = std::ranges::none_of(value, [](unsigned char c) { return std::isupper(c); });
  if (!typed || value.find('|') == std::string::npos) return choices;
  std::istringstream text(value);
  for (std::string choice; std::getline(text, choice, '|');) choices.push_back(choice);
  return choices;
}

Option option_of(const CLI::Option& option) {
  Option made;
  for (const auto& name : option.get_snames()) made.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) made.names.push_back("--" + name);
  if (option.get_type_size_max() > 0) {
    const auto type = option.get_type_name();  // with what the checks say of themselves
    made.value = type.substr(0, type.find_first_of(": "));
  }
  made.choices = choices_of(made.value);
  made.takes_file = made.value == "FILE" || made.value == "FOLDER";
  made.required = option.get_required();
  made.repeatable = option.get_items_expected_max() > 1;
  made.description = option.get_description();
  return made;
}

}  // namespace

Command model_of(const CLI::App& app) {
  Command command{cli::full_name(app), app.get_name(), app.get_description(), {}, {}, {}};
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    auto made = option_of(*option);
    if (option->get_positional()) {
      auto argument = made;
      const auto name = option->get_name(true, false);
      argument.names = {upper(name.substr(0, name.find(',')))};
      command.arguments.push_back(std::move(argument));
    }
    if (!made.names.empty()) command.options.push_back(std::move(made));
  }
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    command.commands.push_back(model_of(*sub));
  return command;
}

}  // namespace schedctl::pages
