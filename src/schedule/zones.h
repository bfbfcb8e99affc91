// Zones: the zone database of this system, each zone read when it is first asked for.
#pragma once

#include <map>
#include <string>

#include "schedule/zone.h"

namespace schedctl::schedule {

class Zones {
 public:
  // `root` stands before all paths; tests give a folder of their own.
  explicit Zones(std::string root = "") : root_(std::move(root)) {}

  // "Europe/Berlin". UTC is there also without a zone database. Throws DataError, with the nearest
  // name when one is near.
  Zone find(const std::string& name);
  // What /etc/localtime points to, else what /etc/timezone names, else UTC. The environment (TZ)
  // has no say, so that cron and a shell agree. Throws DataError when the zone named there is
  // unknown.
  Zone system_zone();

 private:
  Zone load(const std::string& name) const;
  std::string folder() const;

  std::string root_;
  std::map<std::string, Zone, std::less<>> known_;
};

}  // namespace schedctl::schedule
