#include "setup/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "util/text.h"

namespace schedctl::setup {
namespace {

constexpr std::ptrdiff_t context = 3;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto length = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

std::string shown(char sign, std::string_view line) {
  const bool whole = line.ends_with('\n');
  if (whole) line.remove_suffix(1);
  return fmt::format("{}{}\n{}", sign, escape_control(line),
                     whole ? "" : "\\ No newline at end of file\n");
}

std::string range(std::ptrdiff_t first, std::ptrdiff_t count) {
  return fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

}  // namespace

std::string diff(const std::string& before, const std::string& after, const std::string& label) {
  if (before == after) return "";
  const auto old_lines = lines_of(before), new_lines = lines_of(after);
  const auto old_count = std::ssize(old_lines), new_count = std::ssize(new_lines);
  const auto shorter = std::min(old_count, new_count);
  const auto same_head =
      std::mismatch(old_lines.begin(), old_lines.begin() + shorter, new_lines.begin()).first -
      old_lines.begin();
  const auto same_tail =
      std::mismatch(old_lines.rbegin(), old_lines.rbegin() + (shorter - same_head),
                    new_lines.rbegin())
          .first -
      old_lines.rbegin();
  const auto first = std::max<std::ptrdiff_t>(0, same_head - context);
  const auto tail = std::min(same_tail, context);

  std::string text = fmt::format("--- {0}\n+++ {0}\n@@ -{1} +{2} @@\n", escape_control(label),
                                 range(first, old_count - same_tail + tail - first),
                                 range(first, new_count - same_tail + tail - first));
  for (auto i = first; i < same_head; ++i)
    text += shown(' ', old_lines[static_cast<std::size_t>(i)]);
  for (auto i = same_head; i < old_count - same_tail; ++i)
    text += shown('-', old_lines[static_cast<std::size_t>(i)]);
  for (auto i = same_head; i < new_count - same_tail; ++i)
    text += shown('+', new_lines[static_cast<std::size_t>(i)]);
  for (auto i = old_count - same_tail; i < old_count - same_tail + tail; ++i)
    text += shown(' ', old_lines[static_cast<std::size_t>(i)]);
  return text;
}

}  // namespace schedctl::setup
