// Document: a parsed TOML file, each key with its place and each value with its line. It keeps the
// TOML library out of all other files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/place.h"

namespace schedctl::config {

struct Entry;
struct Node;
using Array = std::vector<Node>;
using Table = std::vector<Entry>;  // keys are unique, in the order of their names

struct Moment {
  std::string text;  // a date, time or date-time as TOML writes it
};

struct Node {
  std::variant<std::string, std::int64_t, double, bool, Moment, Array, Table> value;
  int line = 0;        // 0: not from a file
  bool octal = false;  // a number written as 0o22
};

struct Entry {
  std::string key;
  Place place;
  Node node;  // in the same file
};

// The root table of the file whose absolute path is given. Throws ConfigError.
Table parse_document(std::string_view text, const std::string& file);

}  // namespace schedctl::config
