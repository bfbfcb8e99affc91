#include "config/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "config/paths.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

Node as_text(const std::string& text) { return {text}; }

Node as_lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return {std::move(text)};
}

Node as_path(const std::string& text) { return {text.empty() ? text : absolute_path(text)}; }

template <typename Number>
Node as_number_of(const std::string& text, const char* remedy) {
  Number number{};
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc() || end != last) throw Problem{quote(text) + " " + remedy};
  return {number};
}

Node as_integer(const std::string& text) {
  return as_number_of<std::int64_t>(text, "is no whole number: use e.g. 3");
}

Node as_number(const std::string& text) {
  return as_number_of<double>(text, "is no number: use e.g. 2.0");
}

Node as_milliseconds(const std::string& text) {
  if (text.find_first_not_of("0123456789") != std::string::npos)
    throw Problem{quote(text) + " is no number of milliseconds: use e.g. 5000"};
  return {text + "ms"};
}

Node as_console(const std::string& text) {
  if (text == "1" || text == "true") return {true};
  if (text == "0" || text == "false") return {false};
  return {text};
}

struct Variable {
  const char* name;
  const char* section;
  const char* key;
  Node (*convert)(const std::string&);
};

constexpr Variable variables[] = {
    {"SCHEDCTL_DATABASE_URL", "database", "url", as_text},
    {"SCHEDCTL_HOST", "process", "host", as_text},
    {"SCHEDULER_MAX_CONCURRENT_JOBS", "process", "max_concurrent_jobs", as_integer},
    {"SCHEDULER_PROCESSING_INTERVAL_MS", "process", "poll_interval", as_milliseconds},
    {"SCHEDULER_MAX_RETRIES", "retry", "max_retries", as_integer},
    {"SCHEDULER_BASE_DELAY_MS", "retry", "base_delay", as_milliseconds},
    {"SCHEDULER_BACKOFF_MULTIPLIER", "retry", "multiplier", as_number},
    {"SCHEDULER_LOG_LEVEL", "log", "level",
     [](const std::string& text) { return as_lower_case(text); }},
    {"SCHEDULER_LOG_FILE", "log", "file", as_path},
    {"SCHEDULER_ENABLE_CONSOLE", "log", "console",
     [](const std::string& text) {
       return as_console(std::get<std::string>(as_lower_case(text).value));
     }},
};

void apply_flag(const char* flag, const std::optional<std::string>& text, Section& section,
                const char* key, Node (*convert)(const std::string&)) {
  if (!text) return;
  try {
    section.set(key, convert(*text), fmt::format("flag {}", flag));
  } catch (const Problem& problem) {
    throw UsageError(escape_control(fmt::format("{}: {}", flag, problem.text)));
  }
}

}  // namespace

std::optional<std::string> environment_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return {};
  return value;
}

std::string variable_for(std::string_view section, std::string_view key) {
  for (const auto& variable : variables)
    if (section == variable.section && key == variable.key) return variable.name;
  return "";
}

void apply_environment(Sections& sections) {
  for (const auto& variable : variables) {
    const auto text = environment_variable(variable.name);
    if (!text) continue;
    Section& section = *sections.find(variable.section);
    const auto origin = fmt::format("{}{}", environment_origin, variable.name);
    try {
      section.set(variable.key, variable.convert(*text), origin);
    } catch (const Problem& problem) {
      fail(origin, section.path(variable.key), problem.text);
    }
  }
}

void apply_flags(const Overrides& overrides, Sections& sections) {
  apply_flag("--log-level", overrides.log_level, *sections.find("log"), "level", as_text);
  Section& process = *sections.find("process");
  apply_flag("--lock-file", overrides.lock_file, process, "lock_file", as_path);
  apply_flag("--max-runtime", overrides.max_runtime, process, "max_runtime", as_text);
  apply_flag("--linger", overrides.linger, process, "linger", as_text);
  apply_flag("--concurrency", overrides.concurrency, process, "max_concurrent_jobs", as_integer);
}

}  // namespace schedctl::config
