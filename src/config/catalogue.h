// Catalogue: every key that the file may hold, for schedctl.toml(5) and the tests that hold texts
// against the code.
#pragma once

#include <string>
#include <vector>

namespace schedctl::config {

struct CatalogueKey {
  std::string name;      // "max_runtime"
  std::string initial;   // as TOML; empty: unset
  std::string variable;  // of the environment, that goes before the file; empty: none
};

struct CatalogueSection {
  std::string heading;  // "[process]", "[handler.NAME] of type command"
  std::string prefix;   // "process", "handler"
  std::vector<CatalogueKey> keys;
};

// In the order in which people read them.
std::vector<CatalogueSection> catalogue();

}  // namespace schedctl::config
