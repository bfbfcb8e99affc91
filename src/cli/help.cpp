#include "cli/help.h"

#include <fmt/format.h>

#include <memory>

#include "cli/page.h"

namespace schedctl::cli {
namespace {

class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    std::string text = CLI::Formatter::make_description(app) + '\n';
    const auto examples = examples_of(full_name(*app));
    if (!examples.empty()) text += "Examples:\n";
    for (const auto& [says, commands] : examples) {
      text += fmt::format("  {}\n", says);
      for (const auto& command : commands) text += fmt::format("    {}\n", command);
    }
    return examples.empty() ? text : text + '\n';
  }
};

}  // namespace

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + ' ' + app.get_name() : app.get_name();
}

std::string help(const CLI::App& app) {
  auto named = app.get_subcommands();
  if (!named.empty()) return help(*named.back());
  const ExamplesFirst formatter;
  auto text = formatter.make_help(&app, full_name(app), CLI::AppFormatMode::Normal);
  if (app.get_parent())
    text +=
        fmt::format("With every command: --config FILE, --log-level LEVEL, --json\nMore: man {}\n",
                    page_name(full_name(app)));
  return text;
}

}  // namespace schedctl::cli
