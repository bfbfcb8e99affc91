#include "cli/filters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

constexpr std::int64_t largest_limit = 1'000'000;

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string quoted(const std::string& value) {
  return '"' + escape_control(value.substr(0, 64)) + '"';
}

}  // namespace

std::string whole_number_fault(const std::string& text) {
  const auto value = whole_number(text);
  if (value && text == std::to_string(*value)) return "";
  return quoted(text) + ": use a whole number, at most 19 digits";
}

std::int64_t parse_limit(const std::string& text, std::string_view option) {
  const auto limit = whole_number(text);
  if (!limit || *limit < 1 || *limit > largest_limit)
    throw UsageError(
        fmt::format("{} {}: use a number from 1 to {}", option, quoted(text), largest_limit));
  return *limit;
}

std::int64_t parse_id(std::string_view option, const std::string& text) {
  const auto id = whole_number(text);
  if (!id)
    throw UsageError(fmt::format("{} {}: use a number, as printed by \"schedctl history\"", option,
                                 quoted(text)));
  return *id;
}

void check_one_of(std::string_view option, const std::string& value,
                  const std::vector<std::string>& valid) {
  if (std::find(valid.begin(), valid.end(), value) == valid.end())
    throw UsageError(
        fmt::format("{} {}: use one of {}", option, quoted(value), fmt::join(valid, ", ")));
}

void require_text(std::string_view what, const std::string& text) {
  if (!is_storable(text))
    throw DataError(fmt::format("{} \"{}\": is no UTF-8 text", what, escape_control(text)));
}

}  // namespace schedctl::cli
