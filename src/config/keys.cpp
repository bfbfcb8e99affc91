#include "config/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "config/redact.h"

namespace schedctl::config {
namespace {

using namespace std::chrono_literals;

constexpr Duration shortest(1);
constexpr std::size_t longest_host = 255;
constexpr std::size_t longest_identifier = 63;  // PostgreSQL's NAMEDATALEN - 1

// Producers write the schema's name without quotes, where PostgreSQL reads capitals as small
// letters.
std::string read_schema(const Node& node) {
  auto name = read_name(node, longest_identifier);
  const bool plain =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  if (!plain || (name[0] >= '0' && name[0] <= '9'))
    throw Problem{describe(node) + " is no plain schema name: use a-z, 0-9 and _, a letter first",
                  node.line};
  if (name.starts_with("pg_"))
    throw Problem{describe(node) + " is reserved by PostgreSQL: use a name without pg_", node.line};
  return name;
}

Key url_key(std::string& field) {
  return {"url", [&field](const Node& node) { field = read_string(node); },
          [&field] { return quote(redact_url(field)); }};
}

Key console_key(Log::Console& field) {
  const auto read = [&field](const Node& node) {
    if (const auto* truth = std::get_if<bool>(&node.value)) {
      field = *truth ? Log::Console::on : Log::Console::off;
    } else if (const auto* text = std::get_if<std::string>(&node.value); text && *text == "auto") {
      field = Log::Console::automatic;
    } else {
      throw Problem{describe(node) + " is unknown: use \"auto\", true or false", node.line};
    }
  };
  return {"console", read, [&field] {
            if (field == Log::Console::automatic) return quote("auto");
            return show(field == Log::Console::on);
          }};
}

const std::vector<std::string> backoff_names = {"exponential", "fixed", "linear"};

Key backoff_key(job::Backoff& field) {
  return {"backoff", [&field](const Node& node) { read_backoff(node, field); },
          [&field] { return show_backoff(field); }};
}

}  // namespace

std::vector<Key> database_keys(Database& database) {
  const auto read_schema_into = [&database](const Node& node) {
    database.schema = read_schema(node);
  };
  return {url_key(database.url),
          {"schema", read_schema_into, [&database] { return quote(database.schema); }},
          duration_key("connect_timeout", database.connect_timeout, shortest),
          bool_key("pooled", database.pooled)};
}

std::vector<Key> process_keys(Process& process, const std::string& folder) {
  const auto read_host = [&process](const Node& node) {
    process.host = read_string(node).empty() ? "" : read_name(node, longest_host);
  };
  return {{"host", read_host, [&process] { return quote(process.host); }},
          integer_key("max_concurrent_jobs", process.max_concurrent_jobs, 1, 1000),
          duration_key("max_runtime", process.max_runtime, shortest),
          duration_key("linger", process.linger, 0s),
          duration_key("poll_interval", process.poll_interval, shortest),
          path_key("lock_file", process.lock_file, folder),
          duration_key("shutdown_grace", process.shutdown_grace, 0s),
          duration_key("shutdown_force", process.shutdown_force, 0s)};
}

std::vector<Key> retry_keys(Retry& retry) {
  return {integer_key("max_retries", retry.max_retries, 0, most_retries),
          duration_key("base_delay", retry.backoff.base_delay, 0s),
          number_key("multiplier", retry.backoff.multiplier, 1, std::numeric_limits<double>::max()),
          duration_key("max_delay", retry.backoff.max_delay, 0s),
          number_key("jitter", retry.backoff.jitter, 0, 1),
          backoff_key(retry.backoff)};
}

std::vector<Key> recovery_keys(Recovery& recovery) {
  return {duration_key("lease", recovery.lease, 15s),
          duration_key("stuck_after", recovery.stuck_after, shortest),
          integer_key("max_interruptions", recovery.max_interruptions, 0, 1000)};
}

std::vector<Key> retention_keys(Retention& retention) {
  return {duration_key("completed", retention.completed, shortest),
          duration_key("failed", retention.failed, shortest),
          duration_key("logs", retention.logs, shortest)};
}

std::vector<Key> log_keys(Log& log, const std::string& folder) {
  return {choice_key("level", log.level, {"debug", "info", "warn", "error"}),
          path_key("file", log.file, folder), console_key(log.console),
          choice_key("format", log.format, {"text", "json", "logfmt"})};
}

void read_backoff(const Node& node, job::Backoff& backoff) {
  if (std::holds_alternative<Array>(node.value)) {
    backoff.delays = read_durations(node);
    backoff.kind = job::Backoff::Kind::list;
  } else {
    backoff.kind = static_cast<job::Backoff::Kind>(read_choice(node, backoff_names));
    backoff.delays.clear();
  }
}

std::string show_backoff(const job::Backoff& backoff) {
  if (backoff.kind == job::Backoff::Kind::list) return show(backoff.delays);
  return quote(backoff_names[static_cast<std::size_t>(backoff.kind)]);
}

Key path_key(std::string name, std::string& field, const std::string& folder) {
  const auto read = [&field, folder](const Node& node) {
    const auto text = read_string(node);
    field = text.empty() ? "" : (std::filesystem::path(folder) / text).lexically_normal().string();
  };
  return {std::move(name), read, [&field] { return quote(field); }};
}

void check_delays(const Retry& retry, const Section& section) {
  if (const auto fault = fault_of_delays(retry.backoff); !fault.empty())
    fail(section.origin("backoff"), section.path("backoff"), fault);
}

std::string fault_of_delays(const job::Backoff& backoff) {
  if (backoff.kind != job::Backoff::Kind::list) return "";
  const Duration longest = std::ranges::max(backoff.delays);
  if (longest <= backoff.max_delay) return "";
  return fmt::format("{} is longer than max_delay {}: raise max_delay",
                     quote(format_duration(longest)), quote(format_duration(backoff.max_delay)));
}

}  // namespace schedctl::config
