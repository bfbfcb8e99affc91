// Log: one line per event, with fields. To stderr as cron and people want it, and to a file when
// one is set.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace schedctl::log {

enum class Level { debug, info, warn, error };
enum class Format { text, json, logfmt };
enum class Console {
  automatic,
  on,
  off
};  // automatic: info only on a terminal, else warnings and errors

struct Options {
  Level level = Level::info;
  Console console = Console::automatic;
  Format format = Format::text;
  std::string file;  // empty: none; created with mode 0600
};

struct Field {
  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, long v) : name(n), value(std::to_string(v)) {}
  std::string_view name;
  std::string value;
};

// Until it is called, warnings and errors go to stderr. Throws Error 73 or 77 when the file cannot
// be opened safely.
void open(const Options& options);

// `event` is a short fixed phrase; what varies goes into fields. Values may hold any bytes: they
// cannot forge a line.
void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, event, fields);
}

}  // namespace schedctl::log
