#include "util/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "util/clock.h"
#include "util/private_file.h"
#include "util/text.h"

namespace schedctl::log {
namespace {

// Writes whole lines with one write(2) each, so that lines of several processes do not mix.
class FdSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FdSink(int borrowed) : fd_(borrowed) {}
  explicit FdSink(Fd owned) : fd_(owned.get()), owner_(std::move(owned)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string line(message.payload.data(), message.payload.size());
    line += '\n';
    // A full disk or a closed stderr must not end the run: the line is lost, the job is not.
    [[maybe_unused]] const auto written = ::write(fd_, line.data(), line.size());
  }
  void flush_() override {}

  int fd_;
  Fd owner_;
};

struct Log {
  Format format = Format::text;
  spdlog::logger logger{"schedctl"};
};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      break;
  }
  return spdlog::level::err;
}

void add_console(Log& log, Console console, Level level) {
  if (console == Console::off) return;
  auto sink = std::make_shared<FdSink>(STDERR_FILENO);
  const bool all = console == Console::on || isatty(STDERR_FILENO);
  sink->set_level(all ? to_spdlog(level) : std::max(to_spdlog(level), spdlog::level::warn));
  log.logger.sinks().push_back(std::move(sink));
}

Log& instance() {
  static Log log = [] {
    Log initial;
    add_console(initial, Console::automatic, Level::warn);
    return initial;
  }();
  return log;
}

constexpr const char* names[] = {"debug", "info", "warn", "error"};

// Quotes and backslashes are escaped inside quotes, so that no value can end its own.
std::string quoted_if_needed(const std::string& value) {
  const auto text = make_storable(value);
  if (!text.empty() && text.find_first_of(" \t\"=") == std::string::npos)
    return escape_control(text);
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return '"' + escape_control(quoted) + '"';
}

std::string format_line(Format format, Level level, std::string_view event,
                        std::initializer_list<Field> fields) {
  const auto time =
      format_utc(std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
  const char* name = names[static_cast<int>(level)];
  std::string line;
  switch (format) {
    case Format::text:
      line = fmt::format("{} {} {}", time, name, escape_control(event));
      for (const auto& field : fields)
        line += fmt::format(" {}={}", field.name, quoted_if_needed(field.value));
      break;
    case Format::logfmt:
      line =
          fmt::format("time={} level={} msg={}", time, name, quoted_if_needed(std::string(event)));
      for (const auto& field : fields)
        line += fmt::format(" {}={}", field.name, quoted_if_needed(field.value));
      break;
    case Format::json:
      line = fmt::format(R"({{"time":"{}","level":"{}","msg":{})", time, name, json_string(event));
      for (const auto& field : fields)
        line += fmt::format(",{}:{}", json_string(field.name), json_string(field.value));
      line += '}';
      break;
  }
  return line;
}

}  // namespace

void open(const Options& options) {
  auto& log = instance();
  log.format = options.format;
  log.logger.sinks().clear();
  log.logger.set_level(to_spdlog(options.level));
  add_console(log, options.console, options.level);
  if (!options.file.empty())
    log.logger.sinks().push_back(
        std::make_shared<FdSink>(open_private_file(options.file, Create::yes, true)));
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  auto& log = instance();
  if (!log.logger.should_log(to_spdlog(level))) return;
  const auto line = format_line(log.format, level, event, fields);
  log.logger.log(to_spdlog(level), spdlog::string_view_t(line));
}

}  // namespace schedctl::log
