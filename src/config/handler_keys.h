// Handler keys: what a [handler.NAME] table may hold: keys of every handler, and those of each
// type.
#pragma once

#include <string>
#include <vector>

#include "config/section.h"

namespace schedctl::config {

extern const std::vector<std::string> handler_types;  // in the order of Handler::how

// The fields must outlive the keys. Retry keys are part of the common ones.
std::vector<Key> common_keys(Handler& handler);
std::vector<Key> command_keys(CommandHandler& command, const std::string& folder);
std::vector<Key> sql_keys(SqlHandler& sql);

// The type whose handlers have this key; empty: none.
std::string type_with_key(const std::string& key);

// An exit code means one thing: codes listed in the file leave the default lists; one listed twice
// there is a ConfigError.
void settle_exit_codes(CommandHandler& command, const Section& section);

}  // namespace schedctl::config
