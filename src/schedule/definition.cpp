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

// The names of neighbours differ in few letters, so each bit of the hash has to depend on all of
// them. Sources: FNV-1a; the finalizer of MurmurHash3.
std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 0xCBF29CE484222325U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDU;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53U;
  return h ^ (h >> 33);
}

Schedule read(Written written, const config::Definition& definition, Zones& zones) {
  try {
    return read_schedule(written, zones);
  } catch (const DataError& error) {
    fail(definition, error.what());
  }
}

}  // namespace

Schedule read_schedule(const config::Definition& definition, Zones& zones) {
  return read(written_of(definition), definition, zones);
}

void check_schedules(const std::map<std::string, config::Definition>& definitions) {
  Zones zones;
  for (const auto& [name, definition] : definitions) {
    if (!definition.has_schedule()) continue;
    auto written = written_of(definition);
    written.timezone = "UTC";
    read(std::move(written), definition, zones);
  }
}

Duration delay_of(std::string_view name, Duration jitter) {
  const auto span = static_cast<std::uint64_t>(jitter.count());
  if (span == 0) return Duration(0);
  return Duration(static_cast<Duration::rep>(hash(name) % span));
}

Duration delay_of(const config::Definition& definition) {
  return delay_of(definition.name, definition.jitter);
}

}  // namespace schedctl::schedule
