#include "handlers/placeholder.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "handlers/json_text.h"
#include "util/error.h"

namespace schedctl::handlers {
namespace {

constexpr std::string_view opening = "{payload.";

[[noreturn]] void refuse(std::string_view path, std::string_view why) {
  throw DataError(fmt::format("payload.{} {}", path, why));
}

std::string_view value_at(std::string_view payload, std::string_view path) {
  std::string_view value = payload;
  for (auto rest = path;;) {
    const auto point = rest.find('.');
    const auto inner = member_of(value, rest.substr(0, point));
    if (!inner) refuse(path, "is missing, but the command needs it");
    value = *inner;
    if (point == std::string_view::npos) return value;
    rest.remove_prefix(point + 1);
  }
}

std::string text_of(std::string_view value, std::string_view path) {
  if (value == "null") refuse(path, "is null, but the command needs a value");
  if (value.starts_with('{') || value.starts_with('['))
    refuse(path, "is an object or an array; an argument takes a string, a number, true or false");
  if (!value.starts_with('"')) return std::string(value);
  const auto text = nlohmann::json::parse(value, nullptr, false);
  if (!text.is_string()) refuse(path, "is not valid text");
  auto bytes = text.get<std::string>();
  if (bytes.find('\0') != std::string::npos)
    refuse(path, "holds a NUL, which no argument can hold");
  return bytes;
}

// `first`: the path of the placeholder that the argument begins with; empty: it begins with
// something else.
std::string expand_one(std::string_view argument, std::string_view payload,
                       std::string_view& first) {
  std::string expanded;
  const auto whole = argument;
  for (;;) {
    const auto begin = argument.find(opening);
    const auto end = begin == std::string_view::npos ? begin : argument.find('}', begin);
    if (end == std::string_view::npos) return expanded.append(argument);
    const auto path = argument.substr(begin + opening.size(), end - begin - opening.size());
    if (begin == 0 && argument.size() == whole.size()) first = path;
    expanded.append(argument.substr(0, begin));
    expanded.append(text_of(value_at(payload, path), path));
    argument.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::string> expand(const std::vector<std::string>& argv, std::string_view payload) {
  std::vector<std::string> expanded;
  expanded.reserve(argv.size());
  bool after_options = false;
  for (const auto& argument : argv) {
    if (expanded.empty()) {
      expanded.push_back(argument);
      continue;
    }
    std::string_view first;
    auto text = expand_one(argument, payload, first);
    if (!first.empty() && text.starts_with('-') && !after_options)
      refuse(first, "begins with \"-\" and would be an option; put \"--\" before it in argv");
    after_options = after_options || argument == "--";
    expanded.push_back(std::move(text));
  }
  return expanded;
}

}  // namespace schedctl::handlers
