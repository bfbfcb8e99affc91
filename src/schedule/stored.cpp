#include "schedule/stored.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "config/retry_text.h"
#include "util/error.h"

namespace schedctl::schedule {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 3> misfire_names = {"coalesce", "skip", "all"};
constexpr std::array<const char*, 4> overlap_names = {"skip", "queue", "allow", "cancel"};

template <typename Choice, std::size_t n>
const char* name_of(const std::array<const char*, n>& names, Choice choice) {
  return names.at(static_cast<std::size_t>(choice));
}

template <typename Choice, std::size_t n>
Choice choice_of(const std::array<const char*, n>& names, const std::string& name) {
  for (std::size_t i = 0; i < n; ++i)
    if (names[i] == name) return static_cast<Choice>(i);
  throw DataError(fmt::format("\"{}\" is unknown to this version", name));
}

void put(json& object, const char* key, const std::optional<std::string>& value) {
  if (value) object[key] = *value;
}

void put(json& object, const char* key, const std::optional<Duration>& value) {
  if (value) object[key] = value->count();
}

template <typename Number>
void put(json& object, const char* key, const std::optional<Number>& value) {
  if (value) object[key] = *value;
}

std::optional<std::string> text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? std::nullopt : std::optional(found->get<std::string>());
}

std::optional<Duration> duration_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? std::nullopt : std::optional(Duration(found->get<long>()));
}

// Whatever is not as this version writes it.
template <typename Read>
auto reading(const char* what, const Read& read) {
  try {
    return read();
  } catch (const json::exception& e) {
    throw DataError(fmt::format("{} cannot be read by this version: {}", what, e.what()));
  }
}

}  // namespace

std::string written_json(const config::WrittenSchedule& schedule) {
  json object = json::object();
  put(object, "cron", schedule.cron);
  if (schedule.cron_table) object["cron_table"] = *schedule.cron_table;
  put(object, "every_ms", schedule.every);
  put(object, "offset_ms", schedule.offset);
  put(object, "at", schedule.at);
  put(object, "start", schedule.start);
  put(object, "end", schedule.end);
  return object.dump();
}

Written read_written(const std::string& text, const std::string& timezone) {
  return reading("the schedule", [&] {
    const auto object = json::parse(text);
    Written written;
    written.cron = text_at(object, "cron");
    if (const auto table = object.find("cron_table"); table != object.end())
      written.table = table->get<CronTable>();
    written.every = duration_at(object, "every_ms");
    written.offset = duration_at(object, "offset_ms");
    written.at = text_at(object, "at");
    written.start = text_at(object, "start");
    written.end = text_at(object, "end");
    written.timezone = timezone;
    return written;
  });
}

std::string show_written(const config::WrittenSchedule& schedule) {
  if (schedule.cron) return *schedule.cron;
  if (schedule.at) return "at " + *schedule.at;
  if (schedule.every) {
    const auto every = "every " + format_duration(*schedule.every);
    return schedule.offset ? every + ", offset " + format_duration(*schedule.offset) : every;
  }
  std::string list;
  if (schedule.cron_table)
    for (const auto& [name, value] : *schedule.cron_table)
      list += fmt::format("{}{} = {}", list.empty() ? "" : ", ", name, value);
  return list;
}

std::string policies_json(const config::Definition& definition) {
  json object = {{"misfire", name_of(misfire_names, definition.misfire)},
                 {"catchup_window_ms", definition.catchup_window.count()},
                 {"catchup_max", definition.catchup_max},
                 {"overlap", name_of(overlap_names, definition.overlap)},
                 {"jitter_ms", definition.jitter.count()},
                 {"dependency_timeout_ms", definition.dependency_timeout.count()}};
  if (!definition.depends_on.empty()) object["depends_on"] = definition.depends_on;
  if (!definition.group.empty()) object["group"] = definition.group;
  if (const auto retry = config::retry_text(definition.retry); !retry.empty())
    object["retry"] = json::parse(retry);
  put(object, "error_threshold", definition.error_threshold);
  put(object, "restart_delay_ms", definition.restart_delay);
  put(object, "max_restarts", definition.max_restarts);
  put(object, "memory_threshold_bytes", definition.memory_threshold_bytes);
  if (!definition.health_check.empty()) object["health_check"] = definition.health_check;
  return object.dump();
}

Policies read_policies(const std::string& text) {
  return reading("the policies", [&] {
    const auto object = json::parse(text);
    const auto milliseconds = [&](const char* key) { return Duration(object.at(key).get<long>()); };
    Policies policies;
    policies.misfire = choice_of<Policies::Misfire>(misfire_names, object.at("misfire"));
    policies.catchup_window = milliseconds("catchup_window_ms");
    policies.catchup_max = object.at("catchup_max");
    policies.overlap = choice_of<Policies::Overlap>(overlap_names, object.at("overlap"));
    policies.jitter = milliseconds("jitter_ms");
    policies.depends_on = object.value("depends_on", std::vector<std::string>());
    policies.dependency_timeout = milliseconds("dependency_timeout_ms");
    return policies;
  });
}

}  // namespace schedctl::schedule
