#include "support/config_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "util/error.h"

namespace schedctl::test {
namespace {

// Everything that the loader asks the environment for.
const char* const known_variables[] = {"SCHEDCTL_CONFIG",
                                       "SCHEDCTL_PROFILE",
                                       "SCHEDCTL_DATABASE_URL",
                                       "DATABASE_URL",
                                       "SCHEDCTL_HOST",
                                       "SCHEDULER_MAX_CONCURRENT_JOBS",
                                       "SCHEDULER_PROCESSING_INTERVAL_MS",
                                       "SCHEDULER_MAX_RETRIES",
                                       "SCHEDULER_BASE_DELAY_MS",
                                       "SCHEDULER_BACKOFF_MULTIPLIER",
                                       "SCHEDULER_LOG_LEVEL",
                                       "SCHEDULER_LOG_FILE",
                                       "SCHEDULER_ENABLE_CONSOLE",
                                       "PGHOST",
                                       "PGHOSTADDR",
                                       "PGPORT",
                                       "PGDATABASE",
                                       "PGSERVICE",
                                       "XDG_DATA_HOME"};

void set_or_remove(const std::string& name, const std::optional<std::string>& value) {
  value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
}

}  // namespace

VariableScope::VariableScope(std::string name, const std::optional<std::string>& value)
    : name_(std::move(name)) {
  if (const char* before = std::getenv(name_.c_str())) before_ = before;
  set_or_remove(name_, value);
}

VariableScope::~VariableScope() { set_or_remove(name_, before_); }

ConfigFolder::ConfigFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "schedctl-config-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed: " + name);
  path_ = std::filesystem::canonical(name).string();
  for (const char* variable : known_variables)
    variables_.try_emplace(variable, variable, std::nullopt);
  variables_.try_emplace("SCHEDCTL_DATA_DIR", "SCHEDCTL_DATA_DIR", path_ + "/data");
  variables_.try_emplace("SCHEDCTL_STATE_DIR", "SCHEDCTL_STATE_DIR", path_ + "/state");
  variables_.try_emplace("XDG_CONFIG_HOME", "XDG_CONFIG_HOME", path_ + "/xdg");
}

ConfigFolder::~ConfigFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ConfigFolder::write(const std::string& text, unsigned mode) const {
  std::ofstream(file(), std::ios::binary | std::ios::trunc) << text;
  if (chmod(file().c_str(), mode) != 0) throw std::runtime_error("chmod failed: " + file());
  return file();
}

config::Config ConfigFolder::load(const std::string& text) const {
  config::Overrides overrides;
  overrides.config_file = write(text);
  return config::load(overrides);
}

std::string ConfigFolder::error(const std::string& text) const { return error_at(write(text)); }

std::string ConfigFolder::error_at(const std::string& path) const {
  config::Overrides overrides;
  overrides.config_file = path;
  try {
    config::load(overrides);
    return "";
  } catch (const ConfigError& error) {
    std::string message = error.what();
    if (message.starts_with(path_ + "/")) message.erase(0, path_.size() + 1);
    return message;
  }
}

const config::Setting* setting(const config::Config& config, const std::string& key) {
  const auto found =
      std::ranges::find_if(config.settings, [&](const auto& s) { return s.key == key; });
  return found != config.settings.end() ? &*found : nullptr;
}

}  // namespace schedctl::test
