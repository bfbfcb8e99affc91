#include "cli/log_lines.h"

#include <fmt/format.h>

#include "cli/output.h"

namespace schedctl::cli {
namespace {

Color color_of_level(const std::string& level) {
  if (level == "error") return Color::red;
  if (level == "warn") return Color::yellow;
  return level == "debug" ? Color::dim : Color::none;
}

}  // namespace

std::string log_lines_text(const std::vector<observe::LogLine>& lines) {
  const bool colors = use_colors();
  std::string text;
  for (const auto& line : lines) {
    text +=
        fmt::format("{} {} execution={} {}: {}", paint(show(line.timestamp), Color::dim, colors),
                    paint(fmt::format("{:<5}", line.level), color_of_level(line.level), colors),
                    line.execution, line.stream, one_line(line.message));
    if (!line.data.empty()) text += ' ' + one_line(line.data);
    text += '\n';
  }
  return text;
}

std::string log_lines_json(const std::vector<observe::LogLine>& lines) {
  std::vector<std::string> values;
  values.reserve(lines.size());
  for (const auto& line : lines) values.push_back(line.json);
  return json_array(values);
}

}  // namespace schedctl::cli
