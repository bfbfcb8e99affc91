// Greeting: the first question to a server: who is it, and may we write there?
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "config/config.h"

struct pg_conn;

namespace schedctl::db {

struct Greeting {
  int backend_pid = 0;
  bool in_recovery = false;  // a standby
  bool read_only = false;    // transactions may not write
  config::ServerIdentity server;
};

// `settings`: statements that go before the question, in the same message. Empty: there was no
// proper answer by then, and `fault` says why.
std::optional<Greeting> greet(pg_conn* connection, const std::string& settings,
                              std::chrono::steady_clock::time_point until, std::string& fault);

}  // namespace schedctl::db
