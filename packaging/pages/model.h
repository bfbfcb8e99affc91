// Model: the command line as manual pages and completions show it, read from the program itself.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace schedctl::pages {

struct Option {
  std::vector<std::string> names;  // "-h", "--help"; of an argument its name in capitals
  std::string value;               // "N", "debug|info"; empty: takes none
  std::vector<std::string> choices;
  bool takes_file = false;
  bool required = false;
  bool repeatable = false;
  std::string description;
};

struct Command {
  std::string name;  // "schedctl job show"
  std::string word;  // "show"
  std::string description;
  std::vector<Option> options;
  std::vector<Option> arguments;
  std::vector<Command> commands;
};

Command model_of(const CLI::App& app);

}  // namespace schedctl::pages
