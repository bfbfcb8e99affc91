// QuietLog: no log lines on the console within its scope.
#pragma once

#include "util/log.h"

namespace schedctl::test {

struct QuietLog {
  QuietLog() { log::open({log::Level::error, log::Console::off, log::Format::text, ""}); }
  ~QuietLog() { log::open({log::Level::warn, log::Console::automatic, log::Format::text, ""}); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
};

}  // namespace schedctl::test
