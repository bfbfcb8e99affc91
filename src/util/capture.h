// Capture: run a program of the system to its end and keep what it says. Never through a shell. For
// callers with one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "util/account.h"

namespace schedctl {

// Where PATH finds it; empty: nowhere.
std::string find_program(const std::string& name);

struct CaptureRequest {
  std::vector<std::string> argv;  // argv[0] is a path
  std::vector<std::string> env;   // "NAME=value", the whole environment
  std::string input;
  std::optional<Account> user;  // root only: whose rights it has, for good
};

struct Captured {
  int exit_code = 0;  // 128 + n when ended by signal n; 127 when it could not be started
  std::string out;
  std::string err;
};

// Throws Error 75 for want of processes or memory.
Captured capture(const CaptureRequest& request);

// Of many lines the last that is not empty, fit for a message.
std::string last_line(const std::string& text);

}  // namespace schedctl
