// Declare: hand the definitions of this host's configuration over to the database, where every host
// plans them. DESIGN section 11.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/definition.h"
#include "db/transaction.h"
#include "schedule/zones.h"
#include "util/clock.h"

namespace schedctl::schedule {

// What a configuration declares. Cheap: schedules are not read.
class Declarations {
 public:
  using Definitions = std::map<std::string, config::Definition>;

  // Both must outlive this object.
  Declarations(const Definitions& definitions, Zones& zones);

  struct One {
    const config::Definition* definition;
    std::string timezone;  // its own, or the system's
    std::string hash;      // of all its keys and the zone
  };
  const std::vector<One>& all() const { return all_; }
  // Of all of them, empty when there are none: the same until the file is changed.
  const std::string& hash() const { return hash_; }
  Zones& zones() const { return zones_; }

 private:
  Zones& zones_;
  std::vector<One> all_;
  std::string hash_;
};

struct DeclareRequest {
  std::string host;
  std::string boot_id;  // of the kernel
  bool booted = false;  // the host has been started since it was last here: @reboot
  Time now;             // of the database
};

struct LeftOut {
  std::string name;
  std::string why;
  bool for_good = false;  // trying again makes no sense before the file is changed
};

struct Declared {
  long written = 0;  // definitions that came into force
  long retired = 0;  // that no host declares any more
  long jobs = 0;     // first runs, and those of a start of the host
  std::vector<LeftOut> left_out;
  // Definitions, of those that the host has changed, of which other hosts declare something else;
  // and which hosts.
  std::vector<std::pair<std::string, std::string>> differing;
};

// What the host changed since it last did this comes into force, whatever other hosts declare; what
// it did not change stays as they have it, unless no host declares what is in force. A changed
// schedule begins after `now`; slots that were due under the old one are recorded as skipped. Waits
// for whoever plans. Throws DatabaseError.
Declared declare(db::Transaction& tx, const Declarations& declarations,
                 const DeclareRequest& request);

// What an hour brings to light: definitions whose slots were used up by a clock that was more than
// a day ahead go on from `now`, and hosts that were not heard of for 30 days declare nothing any
// more. Waits for whoever plans. Throws DatabaseError.
struct Upkeep {
  long mended = 0;
  std::vector<std::string> forgotten;  // hosts
  long retired = 0;
};
Upkeep upkeep(db::Transaction& tx, Zones& zones, Time now);

// What hosts.definitions_hash holds afterwards: another text when a definition was left out that
// may be usable later, so that it is tried again each hour.
std::string mark_of(const Declarations& declarations, bool complete);

}  // namespace schedctl::schedule
