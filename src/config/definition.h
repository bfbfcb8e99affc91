// Definition: a named, scheduled use of a handler, as [job.NAME] of the file declares it. Its
// schedule stays as written here: whoever plans asks schedule/definition.h what it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/place.h"
#include "job/backoff.h"
#include "util/clock.h"

namespace schedctl::config {

// When it runs, each key as written, but for durations. At most one of cron, cron_table, every and
// at is set.
struct WrittenSchedule {
  std::optional<std::string> cron;
  // cron = { hour = "8,20" }: names and values, numbers as text.
  std::optional<std::vector<std::pair<std::string, std::string>>> cron_table;
  std::optional<Duration> every;
  std::optional<Duration> offset;
  // Times as TOML or a string writes them, with an offset or in the definition's zone.
  std::optional<std::string> at;
  std::optional<std::string> start;     // inclusive
  std::optional<std::string> end;       // exclusive
  std::optional<std::string> timezone;  // unset: the system's
};

// What a definition says about retries; what it leaves open is its handler's.
struct RetryOverrides {
  std::optional<int> max_retries;
  std::optional<Duration> base_delay;
  std::optional<double> multiplier;
  std::optional<Duration> max_delay;
  // backoff = "fixed", or a list of delays, which are empty for every other kind.
  std::optional<job::Backoff::Kind> backoff;
  std::vector<Duration> delays;
};

struct Definition {
  enum class Misfire { coalesce, skip, all };
  enum class Overlap { skip, queue, allow, cancel };

  std::string name;
  Place place;  // of its table
  std::string description;
  std::string handler;         // one of Config::handlers
  std::string payload = "{}";  // the text of one JSON object
  WrittenSchedule schedule;
  bool first_run_now = false;  // first_run = "now"
  bool enabled = true;         // false: only run by hand

  Misfire misfire = Misfire::coalesce;
  Duration catchup_window = std::chrono::hours(24);  // older slots are never caught up
  int catchup_max = 10;                              // slots per catching up, the latest ones
  Overlap overlap = Overlap::skip;
  std::optional<int> concurrency_limit;  // as written; see limit()
  Duration jitter{0};  // slots are spread over this time by a stable hash of the name; 0: not
  int priority = 5;    // 0 to 100, higher first
  std::optional<Duration> timeout;  // unset: the handler's
  RetryOverrides retry;
  std::string group;  // the group_key of its jobs; empty: none

  std::vector<std::string> depends_on;  // names of other definitions; no cycles
  Duration dependency_timeout = std::chrono::hours(1);

  // Health: when it cools down, and what degrades it. Nothing that is unset is watched.
  std::optional<int> error_threshold;     // consecutive failures
  std::optional<Duration> restart_delay;  // doubling
  std::optional<int> max_restarts;
  std::optional<std::int64_t> memory_threshold_bytes;
  std::vector<std::string> health_check;  // argv, never a shell; empty: none

  // Where each key that the file sets stands.
  std::vector<std::pair<std::string_view, Place>> places;

  // A definition without one is not enabled.
  bool has_schedule() const {
    return schedule.cron || schedule.cron_table || schedule.every || schedule.at;
  }
  // How many of its jobs may run at once; null: any number.
  std::optional<int> limit() const {
    if (concurrency_limit || overlap == Overlap::allow) return concurrency_limit;
    return 1;
  }
  // Of the table when the key is not set.
  const Place& place_of(std::string_view key) const;
};

}  // namespace schedctl::config
