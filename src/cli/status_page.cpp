#include "cli/status_page.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "cli/pause_text.h"

namespace schedctl::cli {
namespace {

using nlohmann::json;
using Kind = Column::Kind;

constexpr std::size_t most_rows = 20;                      // of a section; --json has all
constexpr Duration recent_tick = std::chrono::minutes(2);  // cron is due each minute

struct Page {
  const json& status;
  Time now;
  int width;
  bool colors;
  std::string text;

  void section(const std::string& title, const Table& table, std::size_t total) {
    if (table.empty()) return;
    text += '\n' + paint(title, Color::bold, colors) + '\n' + table.text(width, colors);
    if (total > most_rows) text += fmt::format("and {} more: see --json\n", total - most_rows);
  }
};

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : "-";
}

std::string number_of(const json& value) { return value.is_null() ? "-" : value.dump(); }

std::optional<Time> time_of(const json& value) {
  if (!value.is_string()) return std::nullopt;
  return parse_time(value.get_ref<const std::string&>());
}

std::string seconds_of(const json& value) {
  if (!value.is_number()) return "-";
  return show(Duration(std::llround(value.get<double>() * 1000)));
}

std::string age(const std::optional<Time>& time, Time now) {
  if (!time) return "-";
  return show(std::chrono::floor<std::chrono::seconds>(now - std::min(*time, now)));
}

std::optional<Time> last_tick(const json& hosts) {
  std::optional<Time> last;
  for (const auto& host : hosts) last = std::max(last, time_of(host["last_tick_at"]));
  return last;
}

std::int64_t unhandled_jobs(const json& status) {
  std::int64_t sum = 0;
  for (const auto& type : status["unhandled_types"]) sum += type["pending"].get<std::int64_t>();
  return sum;
}

std::string headline(const json& status, Time now) {
  const auto due = status["due"].get<std::int64_t>();
  const auto running = status["queue"]["running"].get<std::int64_t>();
  const auto last = last_tick(status["hosts"]);
  if (status["paused"].get<bool>()) return fmt::format("paused: {} running, {} due", running, due);
  if (running > 0) return fmt::format("working: {} running, {} due", running, due);
  if (!last) return "no schedctl process has run yet: add the crontab line of crontab.example";
  if (due == 0) return "idle: nothing due, nothing running";
  if (unhandled_jobs(status) == due)
    return fmt::format("{} due and nothing running: no host handles their types", due);
  if (now - *last < recent_tick)
    return fmt::format("{} due and nothing running: last tick {} ago", due, age(last, now));
  return fmt::format("{} due and nothing running: is cron calling schedctl process?", due);
}

void counts(Page& page) {
  const auto& queue = page.status["queue"];
  const auto& oldest = page.status["oldest_due_age_s"];
  page.text += fmt::format(
      "queue   {} pending ({} due{}), {} running, {} failed, {} timeout, {} cancelled\n",
      number_of(queue["pending"]), number_of(page.status["due"]),
      oldest.is_null() ? "" : fmt::format(", oldest for {}", seconds_of(oldest)),
      number_of(queue["running"]), number_of(queue["failed"]), number_of(queue["timeout"]),
      number_of(queue["cancelled"]));
  page.text +=
      fmt::format("24 h    {} completed, {} failed\n", number_of(page.status["completed_24h"]),
                  number_of(page.status["failed_24h"]));
}

void pause(Page& page) {
  const auto& status = page.status;
  const auto since = time_of(status["paused_since"]);
  if (!since) return;
  const auto text = [&](const char* key) {
    return status[key].is_string() ? status[key].get<std::string>() : "";
  };
  const queue::Pause pause{*since, time_of(status["paused_until"]), text("pause_reason"),
                           text("paused_by")};
  page.text += fmt::format("paused  {}\n        {}\n", pause_when(pause),
                           shorten(pause_who(pause), page.width - 8));
}

template <typename Add>
void each(const json& rows, const Add& add) {
  for (std::size_t i = 0; i < std::min(rows.size(), most_rows); ++i) add(rows[i]);
}

void running(Page& page) {
  Table table(
      {{"JOB", Kind::number}, {"TYPE"}, {"TRY", Kind::number}, {"WORKER"}, {"AGE", Kind::number}});
  const auto& rows = page.status["running"];
  each(rows, [&](const json& row) {
    table.add({number_of(row["job_queue_id"]), text_of(row["job_type"]), number_of(row["attempt"]),
               text_of(row["worker"]), seconds_of(row["age_s"])});
  });
  page.section("running", table, rows.size());
}

void failures(Page& page) {
  Table table({{"JOB", Kind::number},
               {"TYPE"},
               {"TRY", Kind::number},
               {"STATUS", Kind::fixed},
               {"FINISHED", Kind::fixed},
               {"ERROR"}});
  const auto& rows = page.status["failures"];
  const json* latest = nullptr;
  each(rows, [&](const json& row) {
    const auto outcome = text_of(row["status"]);
    table.add({number_of(row["job_queue_id"]),
               text_of(row["job_type"]),
               number_of(row["attempt"]),
               {outcome, color_of_status(outcome)},
               show(time_of(row["finished_at"])),
               text_of(row["error_message"])});
    if (!latest && !row["job_queue_id"].is_null()) latest = &row["job_queue_id"];
  });
  page.section("failures of the last 24 hours", table, rows.size());
  if (latest) page.text += fmt::format("more: schedctl job show {}\n", latest->dump());
}

void unhandled(Page& page) {
  Table table({{"TYPE"}, {"DUE", Kind::number}});
  const auto& rows = page.status["unhandled_types"];
  each(rows, [&](const json& row) {
    table.add({{text_of(row["job_type"]), Color::yellow}, number_of(row["pending"])});
  });
  page.section("types that no host handles", table, rows.size());
}

void definitions(Page& page) {
  Table table({{"NAME"},
               {"SCHEDULE"},
               {"STATE", Kind::fixed},
               {"NEXT RUN", Kind::fixed},
               {"LAST", Kind::fixed}});
  const auto& rows = page.status["definitions"];
  each(rows, [&](const json& row) {
    const auto last = text_of(row["last_status"]);
    table.add({text_of(row["name"]),
               text_of(row["schedule"]),
               text_of(row["state"]),
               show(time_of(row["next_run_at"])),
               {last, color_of_status(last)}});
  });
  page.section("definitions", table, rows.size());
}

std::string joined(const json& texts) {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ", ") + text_of(text);
  return list;
}

void hosts(Page& page) {
  Table table({{"HOST"}, {"LAST TICK", Kind::fixed}, {"VERSION"}, {"JOB TYPES"}});
  const auto& rows = page.status["hosts"];
  each(rows, [&](const json& row) {
    table.add({text_of(row["host"]), show(time_of(row["last_tick_at"])), text_of(row["version"]),
               joined(row["job_types"])});
  });
  page.section("hosts", table, rows.size());
}

void workers(Page& page) {
  Table table({{"WORKER"}, {"STARTED", Kind::fixed}, {"LEASE UNTIL", Kind::fixed}});
  const auto& rows = page.status["workers"];
  each(rows, [&](const json& row) {
    table.add({text_of(row["host"]) + ':' + number_of(row["pid"]), show(time_of(row["started_at"])),
               show(time_of(row["lease_until"]))});
  });
  page.section("workers", table, rows.size());
}

}  // namespace

std::string status_page(const observe::Status& status, int width, bool colors) {
  const auto parsed = json::parse(status.json);
  Page page{parsed, status.now, width, colors, ""};
  page.text = paint(headline(parsed, status.now), Color::bold, colors) + "\n\n";
  counts(page);
  pause(page);
  for (const auto part : {running, failures, unhandled, definitions, hosts, workers}) part(page);
  return page.text;
}

}  // namespace schedctl::cli
