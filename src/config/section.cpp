#include "config/section.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::config {

void fail(const std::string& origin, const std::string& key, const std::string& text) {
  constexpr std::size_t longest_key = 300;
  const auto shown = key.size() > longest_key ? key.substr(0, longest_key) + "..." : key;
  throw ConfigError(escape_control(fmt::format("{}: {}: {}", origin, shown, text)));
}

Section::Section(std::string name, std::vector<Key> keys)
    : name_(std::move(name)), keys_(std::move(keys)) {}

void Section::read(const Table& table,
                   const std::function<std::string(const std::string& key)>& explain_unknown) {
  for (const auto& entry : table) {
    if (!has(entry.key)) fail(entry.place.text(), path(entry.key), explain_unknown(entry.key));
    try {
      set(entry.key, entry.node, entry.place.text());
    } catch (const Problem& problem) {
      fail(problem.place_in(entry).text(), path(entry.key), problem.text);
    }
  }
}

void Section::set(std::string_view key, const Node& node, const std::string& origin) {
  find(key)->read(node);
  set_origin(key, origin);
}

void Section::set_origin(std::string_view key, const std::string& origin) {
  origins_.insert_or_assign(std::string(key), origin);
}

std::string Section::origin(std::string_view key) const {
  const auto found = origins_.find(key);
  return found != origins_.end() ? found->second : "default";
}

std::string Section::path(std::string_view key) const {
  return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

std::vector<std::string> Section::names() const {
  std::vector<std::string> names;
  for (const auto& key : keys_) names.push_back(key.name);
  return names;
}

void Section::append_settings(std::vector<Setting>& settings) const {
  for (const auto& key : keys_)
    if (auto value = key.show(); !value.empty())
      settings.push_back({path(key.name), std::move(value), origin(key.name)});
}

const Key* Section::find(std::string_view key) const {
  const auto found = std::ranges::find_if(keys_, [&](const Key& k) { return k.name == key; });
  return found != keys_.end() ? &*found : nullptr;
}

Key string_key(std::string name, std::string& field) {
  return {std::move(name), [&field](const Node& node) { field = read_string(node); },
          [&field] { return field.empty() ? "" : quote(field); }};
}

Key bool_key(std::string name, bool& field) {
  return {std::move(name), [&field](const Node& node) { field = read_bool(node); },
          [&field] { return show(field); }};
}

Key integer_key(std::string name, int& field, int least, int most) {
  const auto read = [&field, least, most](const Node& node) {
    field = static_cast<int>(read_integer(node, least, most));
  };
  return {std::move(name), read, [&field] { return std::to_string(field); }};
}

Key integer_key(std::string name, std::optional<int>& field, int least, int most) {
  const auto read = [&field, least, most](const Node& node) {
    field = static_cast<int>(read_integer(node, least, most));
  };
  return {std::move(name), read, [&field] { return field ? std::to_string(*field) : ""; }};
}

Key number_key(std::string name, double& field, double least, double most) {
  const auto read = [&field, least, most](const Node& node) {
    field = read_number(node, least, most);
  };
  return {std::move(name), read, [&field] { return show(field); }};
}

Key duration_key(std::string name, Duration& field, Duration least) {
  return {std::move(name),
          [&field, least](const Node& node) { field = read_duration(node, least); },
          [&field] { return quote(format_duration(field)); }};
}

Key duration_key(std::string name, std::optional<Duration>& field, Duration least) {
  return {std::move(name),
          [&field, least](const Node& node) { field = read_duration(node, least); },
          [&field] { return field ? quote(format_duration(*field)) : ""; }};
}

Key size_key(std::string name, std::int64_t& field) {
  return {std::move(name), [&field](const Node& node) { field = read_size(node); },
          [&field] { return quote(format_size(field)); }};
}

Key size_key(std::string name, std::optional<std::int64_t>& field) {
  return {std::move(name), [&field](const Node& node) { field = read_size(node); },
          [&field] { return field ? quote(format_size(*field)) : ""; }};
}

Key exit_codes_key(std::string name, std::vector<int>& field) {
  return {std::move(name), [&field](const Node& node) { field = read_exit_codes(node); },
          [&field] { return show(field); }};
}

}  // namespace schedctl::config
