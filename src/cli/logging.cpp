#include "cli/logging.h"

#include "util/log.h"

namespace schedctl::cli {

void open_log(const config::Config& config) {
  const auto& log = config.log;
  log::open({.level = static_cast<log::Level>(log.level),
             .console = static_cast<log::Console>(log.console),
             .format = static_cast<log::Format>(log.format),
             .file = log.file});
}

}  // namespace schedctl::cli
