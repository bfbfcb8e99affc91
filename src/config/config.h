// Config: everything a run is told, read once from files, environment and flags into one value.
// Order: built-in < file and conf.d < profile < environment < flags. DESIGN section 5.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/definition.h"
#include "job/backoff.h"
#include "util/clock.h"

namespace schedctl::config {

// A PostgreSQL server, as far as it can be told from its copies: a standby that is promoted begins
// a new timeline.
struct ServerIdentity {
  std::string system_identifier;
  unsigned timeline = 0;  // 0: unknown, as of a standby
  bool operator==(const ServerIdentity&) const = default;
};

struct Database {
  std::string url;  // URL or keywords; empty: PG* variables, or the local cluster
  // Where the url came from, for messages: "SCHEDCTL_DATABASE_URL", "schedctl.toml:2",
  // "DATABASE_URL", "PG*", "local cluster" (the private cluster exists and is meant) or "" (nothing
  // configured and no local cluster there).
  std::string origin;
  std::string schema = "schedctl";
  Duration connect_timeout = std::chrono::seconds(5);  // for all hosts together
  bool pooled = false;
  // Not configured: what this host has last written to, so far as it remembers, and the file in
  // which it does. A server that has fallen behind this is not the database any more.
  std::optional<ServerIdentity> last_written;
  std::string memory_file;
};

struct Process {
  std::string host;  // never empty: default is the machine's name
  int max_concurrent_jobs = 3;
  Duration max_runtime = std::chrono::seconds(50);
  Duration linger{0};
  Duration poll_interval = std::chrono::seconds(30);
  std::string lock_file;  // never empty: the default is worked out by the loader
  Duration shutdown_grace = std::chrono::seconds(30);
  Duration shutdown_force = std::chrono::seconds(5);
};

struct Retry {
  int max_retries = 3;  // attempts = retries + 1
  job::Backoff backoff;
};

struct Recovery {
  Duration lease = std::chrono::seconds(15);
  Duration stuck_after = std::chrono::minutes(30);
  int max_interruptions = 3;
};

// How long history is kept, counted from the end of an attempt or the time of a line.
struct Retention {
  Duration completed = std::chrono::hours(24 * 7);
  Duration failed = std::chrono::hours(24 * 30);  // every attempt that was not completed
  Duration logs = std::chrono::hours(24 * 7);
};

struct Log {
  enum class Level { debug, info, warn, error };
  enum class Console { automatic, on, off };
  enum class Format { text, json, logfmt };
  Level level = Level::info;
  std::string file;
  Console console = Console::automatic;
  Format format = Format::text;
};

struct CommandHandler {
  std::vector<std::string> argv;           // with placeholders {payload.a.b}
  std::string cwd;                         // empty: "/"
  std::vector<std::string> pass_env;       // names taken over from schedctl's own environment
  std::map<std::string, std::string> env;  // names set to values
  std::optional<int> umask;                // default 022
  std::optional<int> nice;
  std::string user;                                // drop to this user; root only
  std::optional<Duration> cpu_limit;               // CPU time, RLIMIT_CPU
  std::optional<std::int64_t> memory_limit_bytes;  // of the whole tree
  std::int64_t output_limit_bytes = 256 * 1024;
  Duration kill_grace = std::chrono::seconds(5);
  Duration snooze_delay = std::chrono::minutes(1);
  std::vector<int> success_codes{0};
  std::vector<int> snooze_codes{75};
  std::vector<int> reject_codes{65, 78};
  std::vector<int> skip_codes{99};
};

struct SqlHandler {
  std::string statement;  // $1 is the payload as text; it may go unused
  std::string role;       // set locally; empty: the connection's
  bool autonomous = false;
};

struct NoopHandler {};

struct Handler {
  std::string name;  // the job type
  Place place;       // of its table; without a file: built in
  std::string description;
  Retry retry;                      // [retry] with this handler's own keys on top
  std::optional<Duration> timeout;  // null: no limit
  std::optional<int> concurrency_limit;
  std::variant<NoopHandler, CommandHandler, SqlHandler> how;
};

// How the jobs of a definition are retried: its own keys on top of its handler's.
Retry retry_of(const Definition& definition, const Handler& handler);

// One value and where it came from, for `config show` and its --origin.
struct Setting {
  std::string key;     // "process.max_runtime"
  std::string value;   // as it would be written in TOML; secrets redacted
  std::string origin;  // "default", "/etc/schedctl/schedctl.toml:12", "environment
                       // SCHEDULER_MAX_RETRIES", "flag --concurrency"
};

struct Config {
  std::string file;                   // absolute path of what was read; empty: none was found
  std::vector<std::string> files;     // that one, then conf.d/*.toml beside it
  std::vector<std::string> profiles;  // names of the [profile.NAME] tables
  std::string profile;                // the one in effect; empty: none
  Database database;
  Process process;
  Retry retry;
  Recovery recovery;
  Retention retention;
  Log log;
  std::map<std::string, Handler> handlers;  // "noop" is always there
  std::map<std::string, Definition> definitions;
  std::vector<Setting> settings;  // of all but the definitions, see settings_of
};

// The values of a definition in the order of their keys. Made when asked for: ten thousand
// definitions would else cost each run more than the reading of the file.
std::vector<Setting> settings_of(const Definition& definition);

// What the command line says; empty fields say nothing.
struct Overrides {
  std::optional<std::string> config_file;  // --config
  std::optional<std::string> profile;      // instead of SCHEDCTL_PROFILE; no flag sets it
  std::optional<std::string> log_level;    // --log-level
  std::optional<std::string> lock_file;    // --lock-file
  std::optional<std::string> max_runtime;  // --max-runtime
  std::optional<std::string> linger;       // --linger
  std::optional<std::string> concurrency;  // --concurrency
};

// Reads the environment of this process. Throws ConfigError with "file:line: key: why and remedy"
// for anything wrong in the file or the environment, UsageError for a wrong flag.
Config load(const Overrides& overrides);

}  // namespace schedctl::config
