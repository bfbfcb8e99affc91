// From what is written in a definition to a Schedule.
#include <fmt/format.h>

#include "schedule/schedule.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::schedule {
namespace {

using namespace std::chrono;

constexpr Duration shortest_interval = seconds(1);

[[noreturn]] void fail(std::string_view key, std::string_view value, std::string_view why) {
  throw DataError(fmt::format("{} \"{}\" {}", key, shown(value), why));
}

// "2027-01-01", "2027-01-01T09:00" and the like; whatever follows the time is an offset.
bool has_offset(std::string_view text) { return text.find_first_of("Zz+-", 10) != text.npos; }

Time parse_clock(std::string_view key, const std::string& text) {
  constexpr auto remedy =
      "is no time: use e.g. \"2027-01-01T09:00:00\" in the definition's zone, or "
      "\"2027-01-01T09:00:00Z\"";
  try {
    return parse_time(text.size() == 10 ? text + "T00:00" : text);
  } catch (const DataError&) {
    fail(key, text, remedy);
  }
}

Moment read_moment(std::string_view key, const std::string& text, const Zone& zone) {
  const Time time = parse_clock(key, text);
  if (time < slots_begin || time >= slots_end)
    fail(key, text,
         fmt::format("is out of range: use the years {} to {}", static_cast<int>(first_year),
                     static_cast<int>(last_year)));
  if (has_offset(text)) return {time, std::nullopt};

  const LocalTime wanted(floor<seconds>(time.time_since_epoch()));
  const Instant at = zone.first_showing(wanted);
  const bool moved = zone.local(at) != wanted;
  const auto fraction = time - floor<seconds>(time);
  return {moved ? Time(at) : at + fraction, wanted};
}

Interval read_interval(const Written& written) {
  const Duration every = *written.every;
  if (every < shortest_interval)
    fail("every", format_duration(every), "is too short: use \"1s\" or more");
  const Duration offset = written.offset.value_or(Duration(0));
  if (offset < Duration(0))
    fail("offset", format_duration(offset), "is negative: use \"0s\" or more");
  return {every, offset};
}

void check_keys(const Written& written) {
  const int cron = written.cron || written.table ? 1 : 0;
  const int given = cron + (written.every ? 1 : 0) + (written.at ? 1 : 0);
  if (given == 0)
    throw DataError("no schedule: write cron = \"0 2 * * *\", every = \"3h\" or at = a time");
  if (given > 1) throw DataError("cron, every and at exclude each other: remove all but one");
  if (written.offset && !written.every)
    throw DataError("offset shifts an interval: write every = \"3h\" beside it, or remove it");
}

}  // namespace

Time read_instant(std::string_view key, const std::string& text, const Zone& zone) {
  return read_moment(key, text, zone).at;
}

Schedule read_schedule(const Written& written, Zones& zones) {
  check_keys(written);
  Schedule schedule;
  schedule.zone = written.timezone ? zones.find(*written.timezone) : zones.system_zone();
  if (written.cron && is_reboot(*written.cron)) {
    schedule.when = Reboot{};
  } else if (written.cron) {
    schedule.when = parse_cron(*written.cron);
  } else if (written.table) {
    schedule.when = parse_cron_table(*written.table);
  } else if (written.every) {
    schedule.when = read_interval(written);
  } else {
    schedule.when = read_moment("at", *written.at, schedule.zone);
  }
  if (written.start) schedule.start = read_instant("start", *written.start, schedule.zone);
  if (written.end) schedule.end = read_instant("end", *written.end, schedule.zone);
  if (schedule.start && schedule.end && *schedule.end <= *schedule.start)
    fail("end", *written.end, "is not later than start: correct one of them");
  return schedule;
}

}  // namespace schedctl::schedule
