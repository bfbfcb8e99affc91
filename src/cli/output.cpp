#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr int gap = 2;          // between columns
constexpr int least_width = 8;  // of a column that is shortened, while there is a wider one
constexpr std::string_view ellipsis = "…";

struct Range {
  char32_t first;
  char32_t last;
};

// Source: Unicode 15, categories Mn, Me and Cf; the blocks that matter, not each single mark.
constexpr std::array<Range, 24> zero_width{{
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},   {0x064B, 0x065F},
    {0x06D6, 0x06DC}, {0x0730, 0x074A}, {0x0900, 0x0902}, {0x093C, 0x093C},   {0x0941, 0x0948},
    {0x094D, 0x094D}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E},   {0x1AB0, 0x1AFF},
    {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x2060, 0x2064}, {0x20D0, 0x20FF},   {0x302A, 0x302D},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF},
}};

// Source: Unicode 15, EastAsianWidth W and F.
constexpr std::array<Range, 17> double_width{{
    {0x1100, 0x115F},
    {0x231A, 0x231B},
    {0x23E9, 0x23EC},
    {0x2614, 0x2615},
    {0x2705, 0x2705},
    {0x274C, 0x274C},
    {0x2E80, 0x303E},
    {0x3041, 0x4DBF},
    {0x4E00, 0xA4CF},
    {0xA960, 0xA97C},
    {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},
    {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6},
    {0x1F300, 0x1FAFF},
    {0x20000, 0x3FFFD},
}};

template <std::size_t N>
bool contains(const std::array<Range, N>& ranges, char32_t c) {
  const auto range =
      std::lower_bound(ranges.begin(), ranges.end(), c,
                       [](const Range& r, char32_t value) { return r.last < value; });
  return range != ranges.end() && range->first <= c;
}

int width_of(char32_t c) {
  if (c < 0x300) return 1;
  if (contains(zero_width, c)) return 0;
  return contains(double_width, c) ? 2 : 1;
}

// The next character of well-formed UTF-8; a byte that fits nowhere counts as itself.
char32_t take_character(std::string_view& rest) {
  const auto lead = static_cast<unsigned char>(rest[0]);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  char32_t c = length == 1 ? lead : lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length && i < rest.size(); ++i)
    c = (c << 6) | (static_cast<unsigned char>(rest[i]) & 0x3Fu);
  rest.remove_prefix(std::min(length, rest.size()));
  return c;
}

const char* escape_of(Color color) {
  switch (color) {
    case Color::red:
      return "\x1b[31m";
    case Color::green:
      return "\x1b[32m";
    case Color::yellow:
      return "\x1b[33m";
    case Color::bold:
      return "\x1b[1m";
    case Color::dim:
      return "\x1b[2m";
    case Color::none:
      break;
  }
  return "";
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) width += width_of(take_character(text));
  return width;
}

std::string shorten(std::string_view text, int width) {
  if (display_width(text) <= width) return std::string(text);
  if (width < 1) return "";
  int used = 0;
  std::size_t kept = 0;
  for (auto rest = text; !rest.empty();) {
    used += width_of(take_character(rest));
    if (used > width - 1) break;
    kept = text.size() - rest.size();
  }
  return std::string(text.substr(0, kept)) + std::string(ellipsis);
}

std::string one_line(std::string_view text) {
  auto line = escape_control(text);
  std::replace(line.begin(), line.end(), '\t', ' ');
  return line;
}

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  int columns = 0;
  if (const char* text = std::getenv("COLUMNS"))
    std::from_chars(text, text + std::strlen(text), columns);
  return columns > 0 ? columns : 80;
}

bool use_colors() {
  const char* off = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return !(off && *off) && term && *term && std::strcmp(term, "dumb") != 0 &&
         isatty(STDOUT_FILENO) == 1;
}

std::string paint(std::string_view text, Color color, bool colors) {
  if (!colors || color == Color::none) return std::string(text);
  return escape_of(color) + std::string(text) + "\x1b[0m";
}

Color color_of_status(std::string_view status) {
  if (status == "failed" || status == "timeout" || status == "lost") return Color::red;
  if (status == "completed") return Color::green;
  if (status == "cancelled" || status == "interrupted") return Color::yellow;
  return status == "running" ? Color::bold : Color::none;
}

void Table::add(std::vector<Cell> cells) {
  for (auto& cell : cells) cell.text = one_line(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::widths(int width) const {
  std::vector<int> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    int widest = display_width(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[i].text));
    const bool shrinks = columns_[i].kind == Column::Kind::text;
    widths.push_back(shrinks ? std::min(widest, std::max(width, least_width)) : widest);
  }
  const auto widest_above = [&](int floor) {
    int* widest = &floor;
    for (std::size_t i = 0; i < widths.size(); ++i)
      if (columns_[i].kind == Column::Kind::text && widths[i] > *widest) widest = &widths[i];
    return widest == &floor ? nullptr : widest;
  };
  int excess = std::accumulate(widths.begin(), widths.end(), -width) +
               gap * (static_cast<int>(widths.size()) - 1);
  // First down to what can still be read, then, on a very narrow terminal, further.
  for (const int floor : {least_width, 1})
    for (; excess > 0; --excess) {
      int* widest = widest_above(floor);
      if (!widest) break;
      --*widest;
    }
  return widths;
}

std::string Table::line(const std::vector<Cell>& cells, const std::vector<int>& widths,
                        bool colors) const {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto shown = shorten(cells[i].text, widths[i]);
    const std::string blanks(
        static_cast<std::size_t>(std::max(0, widths[i] - display_width(shown))), ' ');
    const bool right = columns_[i].kind == Column::Kind::number;
    if (right) text += blanks;
    text += paint(shown, cells[i].color, colors);
    if (i + 1 == cells.size()) break;
    if (!right) text += blanks;
    text.append(gap, ' ');
  }
  // An empty last cell leaves blanks that would disturb a diff.
  text.erase(text.find_last_not_of(' ') + 1);
  return text + '\n';
}

std::string Table::text(int width, bool colors) const {
  const auto column_widths = widths(width);
  std::vector<Cell> titles;
  for (const auto& column : columns_) titles.emplace_back(column.title, Color::dim);
  std::string out = line(titles, column_widths, colors);
  for (const auto& row : rows_) out += line(row, column_widths, colors);
  return out;
}

std::string show(const std::optional<Time>& time) { return time ? format_local(*time) : "-"; }

std::string show(const std::optional<Duration>& duration) {
  if (!duration) return "-";
  using namespace std::chrono;
  return format_duration(abs(*duration) < seconds(10) ? *duration : floor<seconds>(*duration));
}

std::string json_array(const std::vector<std::string>& values) {
  std::string text = "[";
  for (const auto& value : values) {
    if (text.size() > 1) text += ',';
    text += value;
  }
  return text + ']';
}

}  // namespace schedctl::cli
