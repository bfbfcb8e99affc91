#include <unistd.h>

#include <array>
#include <filesystem>

#include "config/config.h"
#include "config/definitions.h"
#include "config/document.h"
#include "config/environment.h"
#include "config/files.h"
#include "config/handlers.h"
#include "config/keys.h"
#include "config/merge.h"
#include "config/paths.h"
#include "config/sections.h"

namespace schedctl::config {
namespace {

std::string machine_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

bool has_postgres_variable() {
  for (const char* name : postgres_variables)
    if (environment_variable(name)) return true;
  return false;
}

// What stands behind the file's url: DATABASE_URL > PG* > local cluster. Returns the origin of the
// setting.
std::string find_database(Database& database) {
  if (const auto url = environment_variable("DATABASE_URL")) {
    database.url = *url;
    database.origin = "DATABASE_URL";
    return std::string(environment_origin) + database.origin;
  }
  if (has_postgres_variable()) {
    database.origin = "PG*";
    return std::string(environment_origin) + database.origin;
  }
  if (const auto url = local_cluster_url()) {
    database.url = *url;
    database.origin = "local cluster";
    return database.origin;
  }
  return "default";
}

void settle_database(Database& database, Section& section) {
  if (database.url.empty()) {
    section.set_origin("url", find_database(database));
    return;
  }
  database.origin = section.origin("url");
  if (database.origin.starts_with(environment_origin))
    database.origin.erase(0, environment_origin.size());
}

// What the file may leave open, filled in.
void settle_process(Config& config, Section& section) {
  Process& process = config.process;
  if (process.host.empty()) {
    process.host = machine_name();
    section.set_origin("host", "default");
  }
  if (process.lock_file.empty()) {
    process.lock_file = default_lock_file(config.database);
    section.set_origin("lock_file", "default");
  }
  // Behind a pooler nobody hears NOTIFY, so looking often has to do.
  if (config.database.pooled && !section.was_set("poll_interval"))
    process.poll_interval = std::chrono::seconds(1);
}

void choose_profile(const Overrides& overrides, Table& root, Config& config) {
  constexpr const char* variable = "SCHEDCTL_PROFILE";
  const auto name = overrides.profile ? overrides.profile : environment_variable(variable);
  config.profiles = apply_profile(root, name, std::string(environment_origin) + variable);
  config.profile = name.value_or("");
}

}  // namespace

Config load(const Overrides& overrides) {
  Config config;
  Table root;
  if (const auto file = find_config_file(overrides.config_file)) {
    config.file = *file;
    config.files = list_files(*file);
    root = read_files(config.files);
  }
  choose_profile(overrides, root, config);

  const auto folder = std::filesystem::path(config.file).parent_path().string();
  Sections sections(config, folder);
  sections.read(root);
  apply_environment(sections);
  apply_flags(overrides, sections);
  settle_database(config.database, *sections.find("database"));
  settle_process(config, *sections.find("process"));
  const Section& retry = *sections.find("retry");
  check_delays(config.retry, retry);

  sections.append_settings(config.settings);
  read_handlers(root, folder, retry, config);
  read_definitions(root, config);
  return config;
}

}  // namespace schedctl::config
