// schedctl_pages FOLDER -- writes the manual pages, the completions of the shells and the units.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "cli/commands.h"
#include "cli/page.h"
#include "man.h"
#include "setup/units.h"
#include "shells.h"
#include "util/embedded_text.h"

namespace {

namespace fs = std::filesystem;
using namespace schedctl;

void write(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::trunc);
  file << content << std::flush;
  if (!file) throw std::runtime_error(path.string() + ": cannot be written");
}

// Those of the package. Where the program lies is known when it is installed.
void write_units(const fs::path& folder) {
  const setup::Plan plan{.program = "/@PROGRAM@",
                         .config = setup::system_config,
                         .when = setup::every(std::chrono::minutes(1)),
                         .user = {"schedctl", 0, 0, {}, ""},
                         .path = setup::usual_path,
                         .mailto = "",
                         .log_file = "",
                         .profile = ""};
  for (const auto& [name, text] : setup::units(plan, setup::UnitKind::packaged, {}))
    write(folder / name, text);
}

void write_all(const fs::path& folder) {
  fs::remove_all(folder);
  cli::Program program;
  const auto model = pages::model_of(*cli::whole_command_line(program));
  write(folder / "man1/schedctl.1", pages::program_page(model, find_text(text::pages, "schedctl")));
  for (const auto& command : model.commands) {
    const auto name = cli::page_name(command.name);
    write(folder / fmt::format("man1/{}.1", name),
          pages::command_page(command, find_text(text::pages, name)));
  }
  write(folder / "man5/schedctl.toml.5",
        pages::configuration_page(config::catalogue(), find_text(text::pages, "schedctl.toml")));
  write(folder / "completions/schedctl.bash", pages::bash_completion(model));
  write(folder / "completions/_schedctl", pages::zsh_completion(model));
  write(folder / "completions/schedctl.fish", pages::fish_completion(model));
  write_units(folder / "systemd");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("schedctl_pages: name the folder to write into\n", stderr);
    return 64;
  }
  try {
    write_all(argv[1]);
    return 0;
  } catch (const std::exception& e) {
    std::fputs(fmt::format("schedctl_pages: {}\n", e.what()).c_str(), stderr);
    return 73;
  }
}
