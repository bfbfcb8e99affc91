// Keys: what the sections of the file may hold, each key with its range and the field it fills.
#pragma once

#include <string>
#include <vector>

#include "config/section.h"

namespace schedctl::config {

inline constexpr int most_retries = 1000;

// The fields must outlive the keys. A relative path in the file starts at `folder`, that of the
// file.
std::vector<Key> database_keys(Database& database);
std::vector<Key> process_keys(Process& process, const std::string& folder);
std::vector<Key> retry_keys(Retry& retry);
std::vector<Key> recovery_keys(Recovery& recovery);
std::vector<Key> retention_keys(Retention& retention);
std::vector<Key> log_keys(Log& log, const std::string& folder);

// The field keeps an absolute path, or nothing when the text is empty.
Key path_key(std::string name, std::string& field, const std::string& folder);

// backoff = "fixed", or a list of delays. Throws Problem.
void read_backoff(const Node& node, job::Backoff& backoff);
std::string show_backoff(const job::Backoff& backoff);

// A list of delays says exactly how long to wait, so none may be cut by max_delay. Throws
// ConfigError.
void check_delays(const Retry& retry, const Section& section);
// Why, and the remedy; empty when none is cut.
std::string fault_of_delays(const job::Backoff& backoff);

}  // namespace schedctl::config
