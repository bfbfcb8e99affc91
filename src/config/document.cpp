#include "config/document.h"

// The library asserts what a damaged file may break; without assertions it reports an error there.
#define TOML_ASSERT(expression) static_assert(true)
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

// The library takes dotted keys apart recursively when it frees them: half a million levels would
// end the stack.
constexpr int most_dots_in_line = 500;

[[noreturn]] void fail(const std::string& file, unsigned line, const std::string& why) {
  throw ConfigError(escape_control(fmt::format("{}:{}: {}", file, line, why)));
}

void check_depth(std::string_view text, const std::string& file) {
  unsigned line = 1;
  int dots = 0;
  for (const char c : text) {
    if (c == '.' && ++dots > most_dots_in_line)
      fail(file, line, fmt::format("more than {} dots in one line: break it", most_dots_in_line));
    if (c == '\n') ++line, dots = 0;
  }
}

int line_of(const toml::source_region& source) { return static_cast<int>(source.begin.line); }

using File = std::shared_ptr<const std::string>;

Node convert(const toml::node& source, const File& file);

Table convert_table(const toml::table& source, const File& file) {
  Table table;
  table.reserve(source.size());
  for (const auto& [key, value] : source)
    table.push_back({std::string(key.str()), {file, line_of(key.source())}, convert(value, file)});
  return table;
}

Array convert_array(const toml::array& source, const File& file) {
  Array array;
  array.reserve(source.size());
  for (const auto& element : source) array.push_back(convert(element, file));
  return array;
}

template <typename Value>
Moment moment(const Value& value) {
  std::ostringstream text;
  text << value;
  return {text.str()};
}

Node convert(const toml::node& source, const File& file) {
  const int line = line_of(source.source());
  if (const auto* table = source.as_table()) return {convert_table(*table, file), line, false};
  if (const auto* array = source.as_array()) return {convert_array(*array, file), line, false};
  if (const auto* text = source.as_string()) return {text->get(), line, false};
  if (const auto* number = source.as_integer())
    return {number->get(), line, number->flags() == toml::value_flags::format_as_octal};
  if (const auto* number = source.as_floating_point()) return {number->get(), line, false};
  if (const auto* truth = source.as_boolean()) return {truth->get(), line, false};
  if (const auto* date = source.as_date()) return {moment(date->get()), line, false};
  if (const auto* time = source.as_time()) return {moment(time->get()), line, false};
  return {moment(source.as_date_time()->get()), line, false};
}

std::string explain(const toml::parse_error& error) {
  const auto description = error.description();
  const bool repeated = description.find("redefine") != std::string_view::npos;
  return fmt::format("no valid TOML at column {}: {}{}", error.source().begin.column, description,
                     repeated ? ": write each key and each table once" : "");
}

}  // namespace

Table parse_document(std::string_view text, const std::string& file) {
  check_depth(text, file);
  try {
    return convert_table(toml::parse(text), std::make_shared<const std::string>(file));
  } catch (const toml::parse_error& error) {
    fail(file, error.source().begin.line, explain(error));
  }
}

}  // namespace schedctl::config
