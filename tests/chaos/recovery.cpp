#include "chaos/recovery.h"

#include <algorithm>
#include <map>

namespace schedctl::chaos {
namespace {

using Kind = Record::Kind;

Milliseconds between(std::int64_t from_ns, std::int64_t to_ns) {
  return std::chrono::nanoseconds(to_ns - from_ns);
}

}  // namespace

std::vector<Milliseconds> recovery_times(const std::vector<Record>& journal) {
  std::vector<Milliseconds> times;
  std::map<std::int64_t, const Record*> under_way;  // by execution
  std::map<std::int64_t, std::int64_t> killed_at;   // by job
  for (const auto& record : journal) {
    if (record.kind == Kind::start) {
      if (const auto killed = killed_at.extract(record.job))
        times.push_back(between(killed.mapped(), record.at_ns));
      under_way[record.execution] = &record;
    }
    if (record.kind == Kind::end) under_way.erase(record.execution);
    if (record.kind == Kind::gone) {
      const auto found = under_way.find(record.execution);
      if (found != under_way.end() && found->second->process == record.process)
        under_way.erase(found);
    }
    if (record.kind == Kind::act && record.job != 0) killed_at.erase(record.job);
    if (record.kind == Kind::act && record.name == killed_run)
      for (const auto& [execution, start] : under_way)
        if (start->run == record.run) killed_at.try_emplace(start->job, record.at_ns);
  }
  return times;
}

Spread spread_of(std::vector<Milliseconds> times) {
  if (times.empty()) return {};
  std::ranges::sort(times);
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1) + 0.5)];
  };
  return {times.size(), at(0.5), at(0.95), times.back()};
}

}  // namespace schedctl::chaos
