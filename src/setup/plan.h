// Plan: what is to be started, for whom and how often; checked, so that nothing in it can mean
// something else in a crontab or a unit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "setup/when.h"
#include "util/account.h"

namespace schedctl::setup {

struct Plan {
  std::string program;  // absolute paths
  std::string config;
  When when;
  Account user;
  std::string path;      // PATH of the runs, and so of the handlers that get theirs from it
  std::string mailto;    // empty: as cron does without it
  std::string log_file;  // empty: as the configuration says
  std::string profile;   // of the configuration; empty: none
  Duration stop_timeout = std::chrono::seconds(45);  // until systemd kills a run that was stopped
};

inline constexpr const char* usual_path = "/usr/local/bin:/usr/bin:/bin";
inline constexpr const char* system_config = "/etc/schedctl/schedctl.toml";
inline constexpr Duration cleanup_interval = std::chrono::minutes(10);

// One block, file or set of units for each configuration file: its mark in them.
std::string id_of(const std::string& config);
// "schedctl" for the configuration of the system, "schedctl-1f2e3d4c" for others: of files in
// /etc/cron.d, where a name with a dot would be passed over, and of units.
std::string name_of(const std::string& config);

// "NAME=value": what the runs get besides what cron or systemd gives them.
std::vector<std::string> environment_of(const Plan& plan);

// Throws UsageError that names the value and why it cannot be used.
void check(const Plan& plan);

}  // namespace schedctl::setup
