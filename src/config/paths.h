// Paths: where schedctl looks for its files and keeps them when nothing else is said. Nothing is
// created here.
#pragma once

#include <optional>
#include <string>

#include "config/config.h"

namespace schedctl::config {

// `path` as it is when absolute, else from the current folder.
std::string absolute_path(const std::string& path);

// The configuration file: `given` (--config), SCHEDCTL_CONFIG, ./schedctl.toml,
// $XDG_CONFIG_HOME/schedctl/schedctl.toml, /etc/schedctl/schedctl.toml. The first two need not
// exist. Absolute.
std::optional<std::string> find_config_file(const std::optional<std::string>& given);

// The folder of the private local cluster: SCHEDCTL_DATA_DIR; else root: /var/lib/schedctl, others:
// $XDG_DATA_HOME/schedctl or ~/.local/share/schedctl, the home from the password database. Throws
// ConfigError when the user has no home there.
std::string local_cluster_folder();
// How to connect to the private local cluster; nothing when there is none.
std::optional<std::string> local_cluster_url();

// The host lock of whoever uses this database: SCHEDCTL_STATE_DIR; else root: /run/schedctl,
// others:
// ~/.local/state/schedctl, the home from the password database, so that cron and shell agree.
// Throws ConfigError when the user has no home there.
std::string default_lock_file(const Database& database);

}  // namespace schedctl::config
