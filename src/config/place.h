// Place: where something is written, for messages: "/etc/schedctl/schedctl.toml:12".
#pragma once

#include <memory>
#include <string>

namespace schedctl::config {

// Cheap to copy; it outlives what was read from the file.
struct Place {
  std::shared_ptr<const std::string> file;  // its absolute path
  int line = 0;                             // from 1; 0: not from a file

  std::string text() const;  // "FILE:LINE"
};

}  // namespace schedctl::config
