// Zone: what the clocks of a time zone show at an instant, and when they show a time.
#pragma once

#include <memory>
#include <string>

#include "schedule/zone_rules.h"

namespace schedctl::schedule {

// A value, cheap to copy. Instants and local times must lie within zones_begin and zones_end.
class Zone {
 public:
  Zone();  // UTC, which needs no zone file
  Zone(std::string name, ZoneRules rules);

  const std::string& name() const { return name_; }
  Period period(Instant at) const { return period_at(*rules_, at); }
  LocalTime local(Instant at) const { return period(at).local(at); }

  // The first instant at which the clocks show `wanted` or later: the first of two when they go
  // back over it, the end of the gap when they skip it.
  Instant first_showing(LocalTime wanted) const;
  // The latest time that the clocks have shown up to and at `at`; later than what they show at `at`
  // when they went back shortly before.
  LocalTime latest_shown(Instant at) const;
  // Whether the clocks show it more than once.
  bool is_repeated(LocalTime shown) const;

 private:
  std::string name_;
  std::shared_ptr<const ZoneRules> rules_;
};

}  // namespace schedctl::schedule
