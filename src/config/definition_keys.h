// Definition keys: what a [job.NAME] table may hold. Ten thousand definitions are read by one table
// of keys, so that a definition costs no more than the values it holds.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/document.h"

namespace schedctl::config {

struct DefinitionKey {
  std::string_view name;
  void (*read)(const Node& node, Definition& definition);  // checks the value; throws Problem
  // The value as TOML; empty: nothing is set, not shown.
  std::string (*show)(const Definition& definition);
};

std::span<const DefinitionKey> definition_keys();

}  // namespace schedctl::config
