// Values: what a key may hold, read from a Node and checked, and written again as TOML.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "util/clock.h"

namespace schedctl::config {

// What is wrong with a value: the value, why and the remedy. Who knows the key and the place adds
// them.
struct Problem {
  std::string text;
  int line = 0;  // of the part that is wrong; 0: that of the whole value

  Place place_in(const Entry& entry) const {
    return {entry.place.file, line != 0 ? line : entry.place.line};
  }
};

// A value as it would stand in the file, cut when long; for messages.
std::string describe(const Node& node);

// All throw Problem when the node holds another type or a value out of range.
std::string read_string(const Node& node);
// One line of 1 to `most_bytes` bytes that is not blank and holds no control characters.
std::string read_name(const Node& node, std::size_t most_bytes);
bool read_bool(const Node& node);
std::int64_t read_integer(const Node& node, std::int64_t least, std::int64_t most);
double read_number(const Node& node, double least, double most);  // finite; whole numbers too
Duration read_duration(const Node& node, Duration least);
std::int64_t read_size(const Node& node);  // at least 1; a string with a unit or bytes
std::vector<std::string> read_strings(const Node& node);
std::vector<Duration> read_durations(const Node& node);  // at least one
std::vector<int> read_exit_codes(const Node& node);      // each 0 to 255, none twice
// The place of the string among `names`.
std::size_t read_choice(const Node& node, const std::vector<std::string>& names);

std::string quote(std::string_view text);    // as a TOML string
std::string key_text(std::string_view key);  // as a TOML key
std::string show(bool truth);
std::string show(double number);
std::string show(const std::vector<std::string>& texts);
std::string show(const std::vector<int>& numbers);
std::string show(const std::vector<Duration>& durations);

// `: did you mean "x"?` when one of the candidates is near, else the list of them.
std::string hint(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace schedctl::config
