// Help, manual pages and completions say what the program does: they are made from it, and what is
// written by hand is held against it here.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/page.h"
#include "config/catalogue.h"
#include "support/process.h"
#include "util/embedded_text.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

const std::string pages_folder = SCHEDCTL_PAGES;

std::string contents_of(const std::string& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file, path << " cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string readme() { return contents_of(SCHEDCTL_SOURCE "/README.md"); }

using Visit = std::function<void(const CLI::App& command)>;

void visit_commands(const CLI::App& app, const Visit& visit) {
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    visit(*command);
    visit_commands(*command, visit);
  }
}

void for_each_command(const Visit& visit) {
  cli::Program program;
  visit_commands(*cli::whole_command_line(program), visit);
}

bool is_main_command(const CLI::App& command) { return !command.get_parent()->get_parent(); }

std::set<std::string> page_names() {
  std::set<std::string> names = {"schedctl", "schedctl.toml"};
  for_each_command([&](const CLI::App& command) {
    if (is_main_command(command)) names.insert(cli::page_name(cli::full_name(command)));
  });
  return names;
}

std::vector<std::string> long_options(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* option : command.get_options())
    if (!option->get_group().empty())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// The words of a line as a shell would make them, quotes being all that it needs here.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  bool inside = false;
  char quote = 0;
  for (const char c : line) {
    if (c == quote) {
      quote = 0;
    } else if (!quote && (c == '\'' || c == '"')) {
      quote = c;
      if (!inside) words.emplace_back();
      inside = true;
    } else if (!quote && c == ' ') {
      inside = false;
    } else {
      if (!inside) words.emplace_back();
      inside = true;
      words.back() += c;
    }
  }
  return words;
}

// What follows "schedctl" on the line, up to what belongs to the shell again; empty: not called.
std::vector<std::string> call_in(const std::string& line) {
  const auto words = words_of(line);
  const auto begin = std::ranges::find(words, "schedctl");
  const std::set<std::string> shell = {"|", ">", ">>", "<", "&&", "2>&1"};
  const auto end =
      std::find_if(begin, words.end(), [&](const auto& w) { return shell.contains(w); });
  return {begin, end};
}

// Why the program would refuse the words; empty: it would not.
std::string refusal_of(const std::vector<std::string>& words) {
  cli::Program program;
  const auto app = cli::whole_command_line(program);
  std::vector<const char*> arguments;
  for (const auto& word : words) arguments.push_back(word.c_str());
  try {
    app->parse(static_cast<int>(arguments.size()), arguments.data());
    return "";
  } catch (const CLI::CallForHelp&) {
    return "";
  } catch (const CLI::ParseError& e) {
    return e.what();
  }
}

// "= --flag" or "= process.host": what the items of a section are about.
std::vector<std::string> items_of(std::string_view section) {
  std::vector<std::string> items;
  std::istringstream lines{std::string(section)};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("= ")) items.push_back(line.substr(2, line.find(' ', 2) - 2));
  return items;
}

// In the order of the lines that the completion of bash offers.
std::string complete_in_bash(const std::string& words) {
  const auto script = fmt::format(
      "source '{}/completions/schedctl.bash'; COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - "
      "1)); _schedctl; echo \"${{COMPREPLY[*]}}\"",
      pages_folder, words);
  const auto end = run({"bash", "-c", script});
  CHECK(end.err == "");
  return end.out.substr(0, end.out.find('\n'));
}

std::string complete_in_fish(const std::string& line) {
  const auto end = run(
      {"fish", "--no-config", "-c",
       fmt::format("source '{}/completions/schedctl.fish'; complete -C '{}'", pages_folder, line)});
  REQUIRE_MESSAGE(end.exit_code == 0, "fish, a package that scripts/test installs: " << end.err);
  std::string first_words;
  std::istringstream lines(end.out);
  for (std::string one; std::getline(lines, one);)
    first_words += (first_words.empty() ? "" : " ") + one.substr(0, one.find('\t'));
  return first_words;
}

}  // namespace

TEST_SUITE("cli::pages") {
  TEST_CASE("each command has a text with examples and a description") {
    for (const auto& name : page_names()) {
      const auto page = find_text(text::pages, name);
      CHECK_MESSAGE(!page.empty(), "write packaging/man/" << name << ".txt as its README.md says");
      CHECK_MESSAGE(!cli::read_examples(page).empty(), name << ".txt: write # EXAMPLES");
      CHECK_MESSAGE(!cli::section_of(page, "DESCRIPTION").empty(),
                    name << ".txt: write # DESCRIPTION");
      for (const auto& example : cli::read_examples(page))
        CHECK_MESSAGE(!example.commands.empty(),
                      name << ".txt: \"" << example.says << "\": indent what is typed by four");
    }
  }

  TEST_CASE("each text belongs to a command") {
    const auto names = page_names();
    for (const auto& page : text::pages)
      CHECK_MESSAGE(names.contains(std::string(page.name)),
                    "packaging/man/" << page.name << ".txt: there is no such command");
  }

  TEST_CASE("what the examples show can be typed") {
    int calls = 0;
    for (const auto& page : text::pages) {
      if (page.name == "schedctl.toml") continue;
      for (const auto& example : cli::read_examples(page.text))
        for (const auto& line : example.commands) {
          const auto words = call_in(line);
          if (words.empty()) continue;
          ++calls;
          CHECK_MESSAGE(refusal_of(words) == "", page.name << ".txt: " << line);
        }
    }
    CHECK(calls > 20);
    CHECK(refusal_of({"schedctl", "process", "--frobnicate"}) != "");
  }

  TEST_CASE("each option and argument has a description") {
    for_each_command([](const CLI::App& command) {
      CHECK_MESSAGE(!command.get_description().empty(), cli::full_name(command));
      for (const auto* option : command.get_options())
        CHECK_MESSAGE(!option->get_description().empty(), cli::full_name(command)
                                                              << " " << option->get_name(true));
    });
  }

  TEST_CASE("texts speak of options that are there") {
    cli::Program program;
    const auto app = cli::whole_command_line(program);
    for (const auto& page : text::pages) {
      std::set<std::string> known;
      visit_commands(*app, [&](const CLI::App& command) {
        if (cli::page_name(cli::full_name(command)) == page.name)
          for (const auto& name : long_options(command)) known.insert(name);
      });
      for (const auto& item : items_of(cli::section_of(page.text, "OPTIONS")))
        CHECK_MESSAGE(known.contains(item), page.name << ".txt: no option " << item);
    }
  }

  TEST_CASE("each key of the configuration is explained, and nothing else") {
    const auto items = items_of(cli::section_of(find_text(text::pages, "schedctl.toml"), "KEYS"));
    std::set<std::string> keys;
    for (const auto& section : config::catalogue())
      for (const auto& key : section.keys) keys.insert(section.prefix + "." + key.name);
    for (const auto& key : keys)
      CHECK_MESSAGE(std::ranges::count(items, key) == 1,
                    "packaging/man/schedctl.toml.txt: write one \"= " << key << "\"");
    for (const auto& item : items)
      CHECK_MESSAGE(keys.contains(item), "packaging/man/schedctl.toml.txt: no key " << item);
  }

  TEST_CASE("the README names each command and each key") {
    const auto text = readme();
    for_each_command([&](const CLI::App& command) {
      if (is_main_command(command))
        CHECK_MESSAGE(text.find("`" + command.get_name()) != std::string::npos,
                      "README.md: write a row for " << command.get_name());
    });
    for (const auto& section : config::catalogue())
      for (const auto& key : section.keys) {
        if (section.prefix == "job") continue;  // schedctl.toml(5) has them
        const auto name = section.prefix == "handler" ? key.name : section.prefix + "." + key.name;
        CHECK_MESSAGE(text.find("`" + name + "`") != std::string::npos,
                      "README.md: write a row for " << name);
      }
  }

  TEST_CASE("help begins with examples, those of the command that was named") {
    const auto process = run({binary(), "process", "--help"});
    CHECK(process.exit_code == 0);
    const auto examples = process.out.find("Examples:\n");
    CHECK(examples < process.out.find("schedctl process --dry-run"));
    CHECK(process.out.find("schedctl process --dry-run") < process.out.find("Usage:"));
    CHECK(process.out.find("--max-runtime DURATION") != std::string::npos);

    const auto show = run({binary(), "job", "show", "--help"});
    CHECK(show.out.find("schedctl job show 42") != std::string::npos);
    CHECK(show.out.find("schedctl job retry") == std::string::npos);
    CHECK(run({binary(), "--help"}).out.find("schedctl history --status failed") !=
          std::string::npos);
  }

  TEST_CASE("each option stands in the manual page of its command") {
    for_each_command([](const CLI::App& command) {
      const auto name = cli::page_name(cli::full_name(command));
      auto page = contents_of(fmt::format("{}/man1/{}.1", pages_folder, name));
      std::erase(page, '\\');
      for (const auto& option : long_options(command))
        CHECK_MESSAGE(page.find(option) != std::string::npos, name << ".1: " << option);
    });
    const auto page = contents_of(pages_folder + "/man5/schedctl.toml.5");
    CHECK(page.find("max_runtime\\fR = \"50s\"") != std::string::npos);
    CHECK(page.find("SCHEDULER_MAX_CONCURRENT_JOBS") != std::string::npos);
  }

  TEST_CASE("manual pages are well-formed") {
    std::vector<std::string> command = {"mandoc", "-T", "lint", "-W", "warning"};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(pages_folder))
      if (entry.path().string().find("/man") != std::string::npos && entry.is_regular_file())
        command.push_back(entry.path());
    REQUIRE(command.size() == 5 + page_names().size());

    const auto lint = run(command);
    INFO("mandoc is a package that scripts/test installs");
    CHECK(lint.out + lint.err == "");
    CHECK(lint.exit_code == 0);
    for (std::size_t i = 5; i < command.size(); ++i) {
      const auto groff = run({"man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", command[i]});
      CHECK(groff.err == "");
      CHECK(groff.exit_code == 0);
    }
  }

  TEST_CASE("bash completes commands, options and values") {
    CHECK(complete_in_bash("schedctl pro") == "process");
    CHECK(complete_in_bash("schedctl --config job jo") == "job");
    CHECK(complete_in_bash("schedctl --config job job s") == "show");
    CHECK(complete_in_bash("schedctl process --lin") == "--linger");
    CHECK(complete_in_bash("schedctl job cancel --re") == "--reason");
    CHECK(complete_in_bash("schedctl status --log-level w") == "warn");
    CHECK(complete_in_bash("schedctl process --limit ''") == "");
    CHECK(complete_in_bash("schedctl --config '" + pages_folder + "/man1/schedctl-pr'") ==
          pages_folder + "/man1/schedctl-process.1");
  }

  TEST_CASE("fish completes commands, options and values") {
    CHECK(complete_in_fish("schedctl pro") == "process");
    CHECK(complete_in_fish("schedctl --config job jo") == "job");
    CHECK(complete_in_fish("schedctl job s") == "show");
    CHECK(complete_in_fish("schedctl process --lin") == "--linger");
    CHECK(complete_in_fish("schedctl status --log-level w") == "warn");
    CHECK(complete_in_fish("schedctl process --limit ").find("process") == std::string::npos);
  }

  TEST_CASE("zsh completes commands, options and values") {
    // A shell behind a pseudo-terminal of zsh's own; a key of it tells what stands on its line.
    const auto completed = [](const std::string& line) {
      const TempDir folder;
      const auto script = fmt::format(R"(zmodload zsh/zpty || exit 1
zpty shell zsh -f -i
zpty -w shell "fpath=({0}/completions \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w shell 'tell() {{ print -r -- "$BUFFER" >{1}/new; mv {1}/new {1}/line }}; zle -N tell; bindkey "^X" tell'
zpty -w shell "echo REA''DY"
zpty -r shell seen '*READY*'
zpty -w -n shell "{2}"$'\t\x18'
for ((i = 0; i < 600; i++)); do [[ -e {1}/line ]] && cat {1}/line && exit 0; sleep 0.05; done
exit 1
)",
                                      pages_folder, folder.path(), line);
      const auto end = run({"zsh", "-f", "-c", script}, {.env = {"TERM=dumb"}});
      INFO("zsh is a package that scripts/test installs");
      CHECK(end.exit_code == 0);
      return end.out;
    };
    CHECK(completed("schedctl proc") == "schedctl process \n");
    CHECK(completed("schedctl job sh") == "schedctl job show \n");
    CHECK(completed("schedctl process --lin") == "schedctl process --linger=\n");
    CHECK(completed("schedctl status --log-level wa") == "schedctl status --log-level warn \n");
  }
}
