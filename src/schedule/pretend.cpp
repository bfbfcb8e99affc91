#include "schedule/pretend.h"

#include "schedule/stored.h"
#include "sql/schedule.h"
#include "util/error.h"

namespace schedctl::schedule {
namespace {

SimulatedDefinition read(const db::Row& row, Zones& zones) {
  SimulatedDefinition one;
  one.name = row["name"].c_str();
  one.handler = row["handler"].c_str();
  if (*row["is_active"].c_str() == 't')
    one.schedule =
        read_schedule(read_written(row["written"].c_str(), row["timezone"].c_str()), zones);
  one.policies = read_policies(row["policies"].c_str());
  one.priority = row["priority"].as<int>();
  if (!row["concurrency_limit"].is_null()) one.limit = row["concurrency_limit"].as<int>();
  one.group = row["group_key"].c_str();
  if (const auto since = db::optional_time_of(row["paused_since"]))
    one.pause = {*since, db::optional_time_of(row["paused_until"]).value_or(slots_end)};
  return one;
}

}  // namespace

Pretended pretend(db::Transaction& tx, Zones& zones, const std::optional<Duration>& duration,
                  Duration otherwise) {
  Pretended all;
  for (const auto& row : tx.exec(sql::schedule::simulate)) try {
      auto one = read(row, zones);
      const auto& usual = row["duration_ms"];
      one.duration = duration          ? *duration
                     : usual.is_null() ? otherwise
                                       : Duration(usual.as<std::int64_t>());
      if (!duration && usual.is_null() && one.schedule) all.unknown_duration.push_back(one.name);
      all.definitions.push_back(std::move(one));
    } catch (const DataError& e) {
      all.unusable.emplace_back(row["name"].c_str(), e.what());
    }
  return all;
}

}  // namespace schedctl::schedule
