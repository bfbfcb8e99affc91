// Sections: the fixed tables of the file, [database] to [log].
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "config/section.h"

namespace schedctl::config {

class Sections {
 public:
  // `folder` is where relative paths of the file start. `config` must outlive this.
  Sections(Config& config, const std::string& folder);

  // Reads the root table; [handler] and [job] are left to others. Throws ConfigError.
  void read(const Table& root);
  Section* find(std::string_view name);  // null when there is none
  void append_settings(std::vector<Setting>& settings) const;
  void for_each(
      const std::function<void(const std::string& name, const Section& section)>& visit) const;

 private:
  void read_section(const Entry& entry);
  std::string explain_unknown_key(const Section& section, const std::string& key) const;
  std::string explain_unknown_section(const std::string& name) const;

  std::vector<std::pair<std::string, Section>> sections_;
};

// The table of a section, or a ConfigError that says how to write one.
const Table& table_of(const Entry& entry, const std::string& name);

}  // namespace schedctl::config
