#include "config/retry_text.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "util/error.h"

namespace schedctl::config {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 4> kinds = {"exponential", "fixed", "linear", "list"};

std::optional<Duration> duration_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? std::nullopt : std::optional(Duration(found->get<long>()));
}

job::Backoff::Kind kind_of(const std::string& name) {
  for (std::size_t i = 0; i < kinds.size(); ++i)
    if (kinds[i] == name) return static_cast<job::Backoff::Kind>(i);
  throw DataError(fmt::format("backoff \"{}\" is unknown to this version", name));
}

}  // namespace

std::string retry_text(const RetryOverrides& overrides) {
  json object = json::object();
  if (overrides.base_delay) object["base_delay_ms"] = overrides.base_delay->count();
  if (overrides.multiplier) object["multiplier"] = *overrides.multiplier;
  if (overrides.max_delay) object["max_delay_ms"] = overrides.max_delay->count();
  if (overrides.backoff) object["backoff"] = kinds.at(static_cast<std::size_t>(*overrides.backoff));
  for (const auto delay : overrides.delays) object["delays_ms"].push_back(delay.count());
  return object.empty() ? "" : object.dump();
}

RetryOverrides read_retry_text(const std::string& text) {
  try {
    const auto object = json::parse(text);
    RetryOverrides overrides;
    overrides.base_delay = duration_at(object, "base_delay_ms");
    if (object.contains("multiplier")) overrides.multiplier = object["multiplier"].get<double>();
    overrides.max_delay = duration_at(object, "max_delay_ms");
    if (object.contains("backoff")) overrides.backoff = kind_of(object["backoff"]);
    for (const auto& delay : object.value("delays_ms", json::array()))
      overrides.delays.emplace_back(delay.get<long>());
    return overrides;
  } catch (const json::exception& e) {
    throw DataError(fmt::format("retries cannot be read by this version: {}", e.what()));
  }
}

job::Backoff with_overrides(job::Backoff backoff, const RetryOverrides& overrides) {
  backoff.base_delay = overrides.base_delay.value_or(backoff.base_delay);
  backoff.multiplier = overrides.multiplier.value_or(backoff.multiplier);
  backoff.max_delay = overrides.max_delay.value_or(backoff.max_delay);
  if (overrides.backoff) {
    backoff.kind = *overrides.backoff;
    backoff.delays = overrides.delays;
  }
  return backoff;
}

}  // namespace schedctl::config
