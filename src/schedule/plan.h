// Plan: due slots become jobs, once each, whichever host plans and however many try. DESIGN
// sections 3, 6.3 and 11.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "schedule/misfire.h"
#include "schedule/zones.h"
#include "util/clock.h"

namespace schedctl::schedule {

// So many definitions are planned in one transaction.
inline constexpr int plan_batch = 500;

struct PlanRequest {
  Time now;  // of the database
  // Definitions that wait for dependencies are looked at although their next look is not due.
  bool eager = false;
  std::vector<std::int64_t> leave_out;  // definitions; see Planned::unusable
  int limit = plan_batch;
};

// A schedule or policy that this host cannot read, for example for want of its zone's file.
struct Unusable {
  std::int64_t id = 0;
  std::string name;
  std::string why;
};

struct Planned {
  bool locked = true;        // false: somebody else plans, nothing was done
  long definitions = 0;      // that have moved on, and are due no more
  long jobs = 0;             // made
  std::int64_t skipped = 0;  // slots that will not run; recorded
  long waiting = 0;          // definitions that wait for others
  bool more = false;         // there may be more that are due
  std::vector<Unusable> unusable;
};

// Plans the most urgent definitions that are due: jobs, skipped executions and the moved
// definitions become visible together, when the caller commits. Throws DatabaseError.
Planned plan(db::Transaction& tx, Zones& zones, const PlanRequest& request);

// Gaps of definitions become history. Throws DatabaseError.
struct DefinitionGap {
  std::int64_t definition = 0;
  Gap gap;
};
void record_gaps(db::Transaction& tx, const std::vector<DefinitionGap>& gaps, Time now);

}  // namespace schedctl::schedule
