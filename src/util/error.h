// Error: what ends a run, with the exit code that says so. Codes: sysexits(3) and DESIGN section 9.
#pragma once

#include <stdexcept>
#include <string>

namespace schedctl {

enum class ExitCode {
  ok = 0,
  failed = 1,          // a check or a requested job failed
  usage = 64,          // the command line is wrong
  data = 65,           // the given data is wrong
  unavailable = 69,    // a needed program is missing
  internal = 70,       // a fault of schedctl itself
  cannot_create = 73,  // a file cannot be created
  temporary = 75,      // try again later
  permission = 77,     // not allowed
  config = 78,         // configuration, unknown database, schema version
};

// What the user reads is "schedctl: " + what(): one line that names place, value and remedy.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }
  // Whether the same call may succeed later.
  bool transient() const { return code_ == ExitCode::temporary; }

 private:
  ExitCode code_;
};

class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(ExitCode::usage, message) {}
};

class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error(ExitCode::config, message) {}
};

class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error(ExitCode::data, message) {}
};

// `sqlstate` is empty when the server did not send one, e.g. because it could not be reached.
class DatabaseError : public Error {
 public:
  DatabaseError(ExitCode code, const std::string& message, std::string sqlstate = "",
                bool connection_lost = false, bool server_down = false)
      : Error(code, message),
        sqlstate_(std::move(sqlstate)),
        connection_lost_(connection_lost),
        server_down_(server_down) {}
  const std::string& sqlstate() const { return sqlstate_; }
  // The connection is gone; whether a COMMIT that was under way took effect is unknown.
  bool connection_lost() const { return connection_lost_; }
  // Proven by a refused connection: no server is there, or it is stopping or starting.
  bool server_down() const { return server_down_; }

 private:
  std::string sqlstate_;
  bool connection_lost_;
  bool server_down_;
};

}  // namespace schedctl
