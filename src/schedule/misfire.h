// Misfire: what becomes of the slots that are due: which of them run, and which are accounted for
// without. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/span.h"
#include "schedule/stored.h"

namespace schedctl::schedule {

// A slot is missed when it is planned later than this: with a tick each minute, one tick may be
// kept from it by the one before. Only misfire = "skip" makes a difference between late and missed.
inline constexpr Duration on_time = std::chrono::seconds(90);

// Why slots do not run; also error_class of the execution that stands for them.
enum class Reason {
  coalesced,   // the run of a later slot stands for them
  misfire,     // nobody planned them in time
  overlap,     // an earlier run was not over
  dependency,  // what it depends on was not ready in time
  paused,
  changed,   // the schedule was changed before they were planned
  disabled,  // by enabled = false
  retired,   // no host declares it any more
};
const char* name_of(Reason reason);

struct Gap {
  Span slots{};
  Reason reason = Reason::misfire;
  std::optional<Time> run{};  // coalesced: the slot that runs in their place
  std::string detail{};       // more about the reason, in words; may be empty
};
// One sentence for history.
std::string describe(const Gap& gap);

struct DueSlots {
  Time from;  // the first slot that is not accounted for
  Time now;   // slots up to and at this instant are due
  // A pause that is over, whose slots are not accounted for: since (inclusive), until (exclusive).
  std::optional<std::pair<Time, Time>> pause;
  // Since when the definition has waited for its dependencies: slots were on time then.
  std::optional<Time> waiting_since;
  std::optional<Reason> obstacle;  // none of the slots may run
  std::string detail;              // of the obstacle
};

struct Verdict {
  std::vector<Time> runs;  // slots, the first one first
  std::vector<Gap> gaps;
  std::optional<Time> last;  // the last slot that is accounted for; none: no slot was due
};

// Each slot that is due is one of the runs or in one of the gaps.
Verdict decide(const Schedule& schedule, const Policies& policies, const DueSlots& due);

}  // namespace schedctl::schedule
