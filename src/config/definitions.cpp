#include "config/definitions.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/definition_keys.h"
#include "config/dependencies.h"
#include "config/handler_keys.h"
#include "config/keys.h"
#include "config/retry_text.h"
#include "config/sections.h"

namespace schedctl::config {
namespace {

constexpr std::size_t longest_name = 200;

[[noreturn]] void fail_at(const Definition& definition, std::string_view key,
                          const std::string& why) {
  fail(definition.place_of(key).text(),
       fmt::format("job.{}{}{}", key_text(definition.name), key.empty() ? "" : ".", key), why);
}

std::string explain_unknown(const std::string& key) {
  std::vector<std::string> names;
  for (const auto& known : definition_keys()) names.emplace_back(known.name);
  if (!type_with_key(key).empty() || key == "type")
    return "is a key of handlers: write it in [handler.NAME]";
  return "unknown key" + hint(key, names);
}

void read_key(const Entry& entry, Definition& definition) {
  const auto keys = definition_keys();
  const auto key = std::ranges::find(keys, entry.key, &DefinitionKey::name);
  const auto path = [&] {
    return fmt::format("job.{}.{}", key_text(definition.name), key_text(entry.key));
  };
  if (key == keys.end()) fail(entry.place.text(), path(), explain_unknown(entry.key));
  try {
    key->read(entry.node, definition);
  } catch (const Problem& problem) {
    fail(problem.place_in(entry).text(), path(), problem.text);
  }
  definition.places.emplace_back(key->name, entry.place);
}

void check_complete(const Definition& definition) {
  const auto& written = definition.schedule;
  if (definition.handler.empty())
    fail_at(definition, "handler", "is missing: write handler = with the name of one");
  if (definition.enabled && !definition.has_schedule())
    fail_at(definition, "",
            "has no schedule: write cron = \"0 2 * * *\", every = \"3h\" or at = a time, or "
            "enabled = false for one that is only run by hand");
  const int given =
      (written.cron || written.cron_table ? 1 : 0) + (written.every ? 1 : 0) + (written.at ? 1 : 0);
  if (given > 1) {
    const auto* second = written.at ? "at" : "every";
    fail_at(definition, second, "cron, every and at exclude each other: remove all but one");
  }
  if (written.offset && !written.every)
    fail_at(definition, "offset",
            "shifts an interval: write every = \"3h\" beside it, or remove it");
}

void check_handler(const Definition& definition, const Config& config) {
  const auto found = config.handlers.find(definition.handler);
  if (found == config.handlers.end()) {
    std::vector<std::string> names;
    for (const auto& [name, handler] : config.handlers) names.push_back(name);
    fail_at(definition, "handler",
            fmt::format("{} is no handler here{}", describe(Node{definition.handler}),
                        hint(definition.handler, names)));
  }
  const auto fault = fault_of_delays(retry_of(definition, found->second).backoff);
  if (!fault.empty())
    fail_at(definition, definition.retry.backoff ? "backoff" : "max_delay", fault);
}

void read_definition(const Entry& entry, Config& config) {
  try {
    read_name(Node{entry.key, entry.place.line, false}, longest_name);
  } catch (const Problem& problem) {
    fail(entry.place.text(), "job", problem.text);
  }
  const auto& table = table_of(entry, "job." + key_text(entry.key));
  // Mostly in the order of their names.
  auto& definition =
      config.definitions.emplace_hint(config.definitions.end(), entry.key, Definition{})->second;
  definition.name = entry.key;
  definition.place = {entry.place.file, entry.node.line};
  definition.places.reserve(table.size());
  for (const auto& key : table) read_key(key, definition);
  check_complete(definition);
  check_handler(definition, config);
}

}  // namespace

const Place& Definition::place_of(std::string_view key) const {
  for (const auto& [set, at] : places)
    if (set == key) return at;
  return place;
}

Retry retry_of(const Definition& definition, const Handler& handler) {
  Retry retry = handler.retry;
  retry.max_retries = definition.retry.max_retries.value_or(retry.max_retries);
  retry.backoff = with_overrides(std::move(retry.backoff), definition.retry);
  return retry;
}

void read_definitions(const Table& root, Config& config) {
  for (const auto& entry : root) {
    if (entry.key != "job") continue;
    for (const auto& definition : table_of(entry, "job")) read_definition(definition, config);
  }
  check_dependencies(config.definitions);
}

std::vector<Setting> settings_of(const Definition& definition) {
  std::vector<Setting> settings;
  const auto path = fmt::format("job.{}.", key_text(definition.name));
  for (const auto& [name, read, show] : definition_keys()) {
    auto value = show(definition);
    if (value.empty()) continue;
    const auto& place = definition.place_of(name);
    settings.push_back({path + std::string(name), std::move(value),
                        &place == &definition.place ? "default" : place.text()});
  }
  return settings;
}

}  // namespace schedctl::config
