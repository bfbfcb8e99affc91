#include "schedule/definition.h"

#include <fmt/format.h>

#include <array>

#include "config/section.h"
#include "util/error.h"

namespace schedctl::schedule {
namespace {

Written written_of(const config::Definition& definition) {
  const auto& [cron, table, every, offset, at, start, end, timezone] = definition.schedule;
  return {cron, table, every, offset, at, timezone, start, end};
}

// Errors of this folder begin with the key, "cron.hour" with that of a table; so it need not be
// said twice.
std::string_view key_in(std::string_view error) {
  constexpr std::array<std::string_view, 7> keys = {"cron",  "every", "offset",  "at",
                                                    "start", "end",   "timezone"};
  for (const auto key : keys)
    if (error.starts_with(key) && error.size() > key.size() &&
        (error[key.size()] == ' ' || error[key.size()] == '.'))
      return key;
  return "";
}

[[noreturn]] void fail(const config::Definition& definition, std::string_view error) {
  const auto key = key_in(error);
  const auto place = definition.place_of(key).text();
  const auto path = "job." + config::key_text(definition.name);
  if (key.empty()) config::fail(place, path, std::string(error));
  error.remove_prefix(key.size());
  const auto rest = error.find_first_of(" :");
  config::fail(place, fmt::format("{}.{}{}", path, key, error.substr(0, rest)),
               std::string(error.substr(error[rest] == ' ' ? rest + 1 : rest)));
}

}  // namespace

Schedule read_schedule(const config::Definition& definition, Zones& zones) {
  try {
    return read_schedule(written_of(definition), zones);
  } catch (const DataError& error) {
    fail(definition, error.what());
  }
}

}  // namespace schedctl::schedule
