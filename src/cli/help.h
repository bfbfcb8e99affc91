// Help: what --help prints.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace schedctl::cli {

// "schedctl job show", of the subcommand `show`.
std::string full_name(const CLI::App& app);

// Of the subcommand that was named last on the command line; its examples come first.
std::string help(const CLI::App& app);

}  // namespace schedctl::cli
