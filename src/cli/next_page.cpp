#include "cli/next_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "schedule/describe.h"

namespace schedctl::cli {
namespace {

using schedule::Mark;

// In the zone, with the fraction of the second.
std::string in_zone(const schedule::Zone& zone, Time time) {
  constexpr std::size_t end_of_seconds = 19;
  auto text = format_in(zone, time);
  auto fraction = format_utc(time).substr(end_of_seconds);
  fraction.pop_back();  // Z
  return text.insert(end_of_seconds, fraction);
}

nlohmann::ordered_json slots_json(const NextSlots& next) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [utc, mark] : next.slots) {
    auto local = in_zone(next.schedule->zone, utc);
    local[10] = 'T';
    nlohmann::ordered_json slot = {{"utc", format_utc(utc)}, {"local", local}, {"mark", nullptr}};
    if (mark != Mark::none) slot["mark"] = mark == Mark::gap ? "gap" : "fold";
    slot["scheduled_for"] = format_utc(utc + next.delay);
    list.push_back(std::move(slot));
  }
  return list;
}

std::string weekday(const schedule::Zone& zone, Time time) {
  constexpr std::string_view names = "SunMonTueWedThuFriSat";
  const auto local = zone.local(std::chrono::floor<std::chrono::seconds>(time));
  const std::chrono::weekday day(std::chrono::floor<std::chrono::days>(local));
  return std::string(names.substr(3 * day.c_encoding(), 3));
}

std::string in_words(Mark mark) {
  if (mark == Mark::gap) return "the clocks skip its time: right after";
  return mark == Mark::fold ? "the clocks show this time twice" : "";
}

std::string slots_table(const NextSlots& next) {
  const auto& zone = next.schedule->zone;
  const bool marked = std::ranges::any_of(
      next.slots, [](const schedule::Slot& slot) { return slot.mark != Mark::none; });
  std::vector<Column> columns = {{"day", Column::Kind::fixed}, {"slot", Column::Kind::fixed}};
  if (marked) columns.push_back({"note", Column::Kind::text});
  Table table(std::move(columns));
  for (const auto& [utc, mark] : next.slots) {
    std::vector<Cell> row = {weekday(zone, utc), in_zone(zone, utc)};
    if (marked) row.emplace_back(in_words(mark), Color::yellow);
    table.add(std::move(row));
  }
  return table.text(terminal_width(), use_colors());
}

}  // namespace

std::string next_json(const NextSlots& next) {
  nlohmann::ordered_json object = {{"schema_version", 1}, {"name", nullptr},
                                   {"enabled", true},     {"schedule", nullptr},
                                   {"timezone", nullptr}, {"delay_ms", next.delay.count()}};
  if (next.definition) {
    object["name"] = next.definition->name;
    object["enabled"] = next.definition->enabled;
  }
  if (next.schedule) {
    object["schedule"] = describe(*next.schedule);
    object["timezone"] = next.schedule->zone.name();
  }
  object["from"] = format_utc(next.from);
  object["to"] = next.to ? nlohmann::ordered_json(format_utc(*next.to)) : nullptr;
  object["slots"] = slots_json(next);
  object["more"] = next.more;
  return object.dump() + "\n";
}

std::string next_page(const NextSlots& next) {
  const auto name = next.definition ? next.definition->name + ": " : std::string();
  if (!next.schedule) return one_line(name + "no schedule: it is only run by hand") + "\n";
  auto page = one_line(name + describe(*next.schedule)) + "\n";
  if (next.definition && !next.definition->enabled)
    page += "not enabled: none of these is planned\n";
  if (std::holds_alternative<schedule::Reboot>(next.schedule->when)) return page;
  if (next.slots.empty()) return page + "no slots\n";
  if (next.delay != Duration(0))
    page +=
        fmt::format("jobs are due {} after their slots, by jitter\n", format_duration(next.delay));
  page += slots_table(next);
  if (next.more && next.to) page += "more before --to: raise --count\n";
  return page;
}

}  // namespace schedctl::cli
