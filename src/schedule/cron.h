// Cron: the local times that a cron expression names. Which instants these are in a zone, also when
// its clocks change, is decided in slots.cpp. Sources: crontab(5) of Vixie cron and cronie; the
// table form follows APScheduler's CronTrigger.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schedule/cron_field.h"
#include "schedule/zone_rules.h"

namespace schedctl::schedule {

struct Cron {
  // As written, by Field; empty where nothing was written.
  std::array<std::string, all_fields.size()> written;
  bool is_table = false;

  // Bit n stands for the number n; weekday 0 is Sunday.
  std::uint64_t seconds = 0;
  std::uint64_t minutes = 0;
  std::uint64_t hours = 0;
  std::uint64_t days = 0;
  std::uint64_t months = 0;
  std::uint64_t weeks = 0;
  std::uint64_t weekdays = 0;
  bool last_day = false;
  std::uint8_t last_weekdays = 0;
  std::array<std::uint8_t, 6> nth_weekdays = {};
  std::vector<Range> years;  // none: every year

  // A date fits when its day or its weekday does; else both must.
  bool either_day = false;
  // The minute or the hour begins with "*": it runs whenever the clocks show a fitting time, so
  // twice where they go back, not where they skip it. Others run once for each fitting time.
  bool follows_clock = false;

  const std::string& text_of(Field field) const { return written[static_cast<std::size_t>(field)]; }
};

// "0 2 * * mon-fri", "@daily", or six fields, seconds first. Throws DataError with field, position,
// value and remedy, also when no date can ever fit (February 30).
Cron parse_cron(std::string_view text);

// "@reboot", which is no cron expression: it names no time.
bool is_reboot(std::string_view text);

// {day_of_week = "mon", hour = "8,20"}: names and values, numbers as text. All that is named must
// fit. As in APScheduler, what is left out below the smallest named unit is its first value (week
// and day_of_week: any), above it any. Weekdays count from Sunday, 0 or 7, as everywhere here.
// Throws DataError.
using CronTable = std::vector<std::pair<std::string, std::string>>;
Cron parse_cron_table(const CronTable& table);

bool fits(const Cron& cron, LocalTime time);
// The first fitting time at or after `from`, up to the end of last_year. Fast however rare it is.
std::optional<LocalTime> next_fitting(const Cron& cron, LocalTime from);

}  // namespace schedctl::schedule
