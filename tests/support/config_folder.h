// A folder of its own with a configuration file, and an environment in which nothing else decides.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/config.h"

namespace schedctl::test {

// Sets or removes (no value) one variable for the length of a scope.
class VariableScope {
 public:
  VariableScope(std::string name, const std::optional<std::string>& value);
  ~VariableScope();
  VariableScope(const VariableScope&) = delete;
  VariableScope& operator=(const VariableScope&) = delete;

 private:
  std::string name_;
  std::optional<std::string> before_;
};

class ConfigFolder {
 public:
  ConfigFolder();
  ~ConfigFolder();
  ConfigFolder(const ConfigFolder&) = delete;
  ConfigFolder& operator=(const ConfigFolder&) = delete;

  // Writes schedctl.toml; returns its path.
  std::string write(const std::string& text, unsigned mode = 0644) const;
  config::Config load(const std::string& text) const;
  // The message of the ConfigError for this text without the folder: "schedctl.toml:2: ..."; empty
  // when it loads.
  std::string error(const std::string& text) const;
  // The message of the ConfigError for what lies at `path` already, without the folder.
  std::string error_at(const std::string& path) const;

  const std::string& path() const { return path_; }
  std::string file() const { return path_ + "/schedctl.toml"; }

 private:
  std::string path_;
  std::map<std::string, VariableScope> variables_;
};

// The value and the origin of one setting; null when it is not listed.
const config::Setting* setting(const config::Config& config, const std::string& key);

}  // namespace schedctl::test
