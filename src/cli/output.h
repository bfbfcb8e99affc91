// Output: tables for people, one JSON object for programs. Whatever comes from a job goes through
// here, so that no escape sequence of a job's name or message reaches a terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/clock.h"

namespace schedctl::cli {

enum class Color { none, red, green, yellow, bold, dim };

// Columns that `text` takes on a terminal: none for combining marks, two for East Asian and emoji.
int display_width(std::string_view text);
// At most `width` columns of `text`; what had to be cut ends in "…". Never cuts a character or
// parts one from its marks.
std::string shorten(std::string_view text, int width);
// One printable line: controls escaped, tabs as blanks.
std::string one_line(std::string_view text);

// Of the terminal behind stdout; else COLUMNS; else 80.
int terminal_width();
// Whether stdout is a terminal that shows colours, and NO_COLOR (no-color.org) is not set.
bool use_colors();
std::string paint(std::string_view text, Color color, bool colors);
// Red for what failed, green for completed, yellow for what a person may want to look at.
Color color_of_status(std::string_view status);

struct Column {
  enum class Kind {
    text,    // shortened when the table is too wide, the widest first
    fixed,   // ids, statuses, times: never shortened
    number,  // fixed, aligned to the right
  };
  std::string title;
  Kind kind = Kind::text;
};

struct Cell {
  Cell(std::string cell_text, Color cell_color = Color::none)
      : text(std::move(cell_text)), color(cell_color) {}
  Cell(const char* cell_text) : text(cell_text) {}
  std::string text;
  Color color = Color::none;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns. Any text: it is made one printable line here.
  void add(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  // Heading and rows, each ended by a newline, at most `width` columns wide unless the fixed
  // columns need more.
  std::string text(int width, bool colors) const;

 private:
  std::vector<int> widths(int width) const;
  std::string line(const std::vector<Cell>& cells, const std::vector<int>& widths,
                   bool colors) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// For people: local time with offset, "-" for none; "1m30s", whole seconds from 10 s on.
std::string show(const std::optional<Time>& time);
std::string show(const std::optional<Duration>& duration);

// ["a","b"] of values that are JSON already.
std::string json_array(const std::vector<std::string>& values);

}  // namespace schedctl::cli
