#include "schedule/dependencies.h"

#include <fmt/format.h>

#include "sql/schedule.h"

namespace schedctl::schedule {
namespace {

std::string obstacle_of(const Dependencies::State& state) {
  if (!state.declared) return "is declared by no host any more";
  if (state.due || state.unfinished) return "is not over";
  if (!state.last_status) return "has not run yet";
  if (*state.last_status == "completed" || *state.last_status == "skipped") return "";
  return "was not good, its last run: " + *state.last_status;
}

}  // namespace

std::string Dependencies::obstacle(const std::vector<std::string>& depends_on) const {
  for (const auto& name : depends_on) {
    const auto found = states_.find(name);
    if (found == states_.end()) return fmt::format("dependency {} is unknown", name);
    if (const auto obstacle = obstacle_of(found->second); !obstacle.empty())
      return fmt::format("dependency {} {}", name, obstacle);
  }
  return "";
}

Dependencies look_at_dependencies(db::Transaction& tx, const std::vector<std::string>& names,
                                  Time now) {
  std::map<std::string, Dependencies::State> states;
  if (names.empty()) return Dependencies(states);
  for (const auto& row : tx.exec(sql::schedule::plan_dependencies, names, now)) {
    const auto holds = [&](const char* column) { return *row[column].c_str() == 't'; };
    states[row["name"].c_str()] = {holds("declared"), holds("due"), holds("unfinished"),
                                   db::optional_text_of(row["last_status"])};
  }
  return Dependencies(std::move(states));
}

}  // namespace schedctl::schedule
