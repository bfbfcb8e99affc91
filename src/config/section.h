// Section: one table of the configuration as a list of keys, each bound to the field it fills.
// File, environment and flags set keys by the same way, so that each is checked alike and its
// origin is known.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/values.h"

namespace schedctl::config {

struct Key {
  std::string name;
  std::function<void(const Node&)> read;  // checks the value, then stores it; throws Problem
  std::function<std::string()> show;  // the stored value as TOML; empty: nothing is set, not shown
};

// "FILE:LINE: key: text", made safe for a terminal.
[[noreturn]] void fail(const std::string& origin, const std::string& key, const std::string& text);

class Section {
 public:
  Section(std::string name, std::vector<Key> keys);

  // Reads a table of a file; a key unknown here goes to `explain_unknown`, which returns why and
  // the remedy. Throws ConfigError.
  void read(const Table& table,
            const std::function<std::string(const std::string& key)>& explain_unknown);
  // Throws Problem.
  void set(std::string_view key, const Node& node, const std::string& origin);
  // The key has a value already, from elsewhere.
  void set_origin(std::string_view key, const std::string& origin);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  bool was_set(std::string_view key) const { return origins_.contains(key); }
  std::string origin(std::string_view key) const;  // "default" when nobody set it
  std::string path(std::string_view key) const;    // "process.max_runtime"
  std::vector<std::string> names() const;
  const std::vector<Key>& keys() const { return keys_; }
  void append_settings(std::vector<Setting>& settings) const;

 private:
  const Key* find(std::string_view key) const;

  std::string name_;
  std::vector<Key> keys_;
  std::map<std::string, std::string, std::less<>> origins_;
};

// Keys of the common kinds. The field must outlive the key.
Key string_key(std::string name, std::string& field);
Key bool_key(std::string name, bool& field);
Key integer_key(std::string name, int& field, int least, int most);
Key integer_key(std::string name, std::optional<int>& field, int least, int most);
Key number_key(std::string name, double& field, double least, double most);
Key duration_key(std::string name, Duration& field, Duration least);
Key duration_key(std::string name, std::optional<Duration>& field, Duration least);
Key size_key(std::string name, std::int64_t& field);
Key size_key(std::string name, std::optional<std::int64_t>& field);
Key exit_codes_key(std::string name, std::vector<int>& field);

template <typename Enum>
Key choice_key(std::string name, Enum& field, const std::vector<std::string>& names) {
  const auto read = [&field, names](const Node& node) {
    field = static_cast<Enum>(read_choice(node, names));
  };
  return {std::move(name), read,
          [&field, names] { return quote(names[static_cast<std::size_t>(field)]); }};
}

}  // namespace schedctl::config
