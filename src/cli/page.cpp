#include "cli/page.h"

#include <algorithm>
#include <iterator>

#include "util/embedded_text.h"

namespace schedctl::cli {
namespace {

constexpr std::string_view title_mark = "# ";
constexpr std::string_view code_mark = "    ";

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

std::string_view strip(std::string_view text) {
  const auto first = text.find_first_not_of('\n');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of('\n') - first + 1);
}

bool calls(const Example& example, const std::string& command) {
  return std::ranges::any_of(example.commands, [&](const std::string& line) {
    return line == command || line.starts_with(command + " ");
  });
}

}  // namespace

std::string_view section_of(std::string_view page, std::string_view title) {
  for (auto rest = page; !rest.empty();) {
    const auto line = take_line(rest);
    if (!line.starts_with(title_mark) || line.substr(title_mark.size()) != title) continue;
    const auto end = rest.starts_with(title_mark) ? 0 : rest.find("\n# ");
    return strip(rest.substr(0, end));
  }
  return {};
}

std::vector<std::string_view> titles_of(std::string_view page) {
  std::vector<std::string_view> titles;
  while (!page.empty())
    if (const auto line = take_line(page); line.starts_with(title_mark))
      titles.push_back(line.substr(title_mark.size()));
  return titles;
}

std::vector<Example> read_examples(std::string_view page) {
  std::vector<Example> examples;
  bool in_code = true;
  for (auto rest = section_of(page, "EXAMPLES"); !rest.empty();) {
    const auto line = take_line(rest);
    if (line.empty()) continue;
    const bool is_code = line.starts_with(code_mark);
    if (is_code && !examples.empty()) {
      examples.back().commands.emplace_back(line.substr(code_mark.size()));
    } else if (in_code) {
      examples.push_back({std::string(line), {}});
    } else {
      examples.back().says += ' ' + std::string(line);
    }
    in_code = is_code;
  }
  return examples;
}

std::string page_name(const std::string& command) {
  const auto end = command.find(' ', command.find(' ') + 1);
  auto name = command.find(' ') == std::string::npos ? command : command.substr(0, end);
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::vector<Example> examples_of(const std::string& command) {
  const auto all = read_examples(find_text(text::pages, page_name(command)));
  std::vector<Example> own;
  std::ranges::copy_if(all, std::back_inserter(own),
                       [&](const Example& example) { return calls(example, command); });
  return own.empty() ? all : own;
}

}  // namespace schedctl::cli
