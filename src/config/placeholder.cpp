#include "config/placeholder.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/values.h"

namespace schedctl::config {
namespace {

constexpr std::string_view opening = "{payload.";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

bool is_path(std::string_view path) {
  bool after_name = false;
  for (const char c : path) {
    if (c == '.' ? !after_name : !is_name_character(c)) return false;
    after_name = c != '.';
  }
  return after_name;
}

// "{root.path}" with the shape of a placeholder.
bool has_shape(std::string_view inside) {
  return inside.find('.') != std::string_view::npos && is_path(inside) &&
         !(inside[0] >= '0' && inside[0] <= '9');
}

}  // namespace

void check_placeholders(std::string_view argument) {
  for (auto open = argument.find('{'); open != std::string_view::npos;
       open = argument.find('{', open + 1)) {
    const auto rest = argument.substr(open);
    const auto close = rest.find('}');
    const auto inside = rest.substr(1, close == std::string_view::npos ? close : close - 1);
    const bool ours = rest.starts_with(opening);
    const bool good = close != std::string_view::npos && is_path(inside);
    if (ours ? !good : good && has_shape(inside))
      throw Problem{fmt::format("{}: {} is no placeholder: write {{payload.NAME}}",
                                describe(Node{std::string(argument)}),
                                rest.substr(0, close == std::string_view::npos ? 40 : close + 1))};
  }
}

bool has_placeholder(std::string_view argument) {
  return argument.find(opening) != std::string_view::npos;
}

}  // namespace schedctl::config
