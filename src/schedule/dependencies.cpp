#include "schedule/dependencies.h"

#include <fmt/format.h>

#include "sql/schedule.h"

namespace schedctl::schedule {
namespace {

bool holds(const db::Row& row, const char* column) { return *row[column].c_str() == 't'; }

std::string obstacle_of(const db::Row& row) {
  if (!holds(row, "is_active")) return "is not active";
  if (holds(row, "due") || holds(row, "unfinished")) return "is not over";
  if (row["last_status"].is_null()) return "has not run yet";
  const std::string status = row["last_status"].c_str();
  if (status == "completed" || status == "skipped") return "";
  return fmt::format("was not good, its last run: {}", status);
}

}  // namespace

Dependencies::Dependencies(db::Transaction& tx, const std::vector<std::string>& names, Time now) {
  if (names.empty()) return;
  for (const auto& row : tx.exec(sql::schedule::plan_dependencies, names, now))
    obstacles_[row["name"].c_str()] = obstacle_of(row);
}

std::string Dependencies::obstacle(const std::vector<std::string>& depends_on) const {
  for (const auto& name : depends_on) {
    const auto found = obstacles_.find(name);
    if (found == obstacles_.end()) return fmt::format("dependency {} is unknown", name);
    if (!found->second.empty()) return fmt::format("dependency {} {}", name, found->second);
  }
  return "";
}

}  // namespace schedctl::schedule
