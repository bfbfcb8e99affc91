// Dependencies: whether definitions may start as far as those are concerned on which they depend.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "util/clock.h"

namespace schedctl::schedule {

class Dependencies {
 public:
  struct State {
    bool declared = true;                    // by some host
    bool due = false;                        // one of its slots has come and is not planned
    bool unfinished = false;                 // a job of it waits or runs
    std::optional<std::string> last_status;  // of its last attempt
  };

  explicit Dependencies(std::map<std::string, State> states) : states_(std::move(states)) {}

  // What keeps a definition waiting: the first of its dependencies that is not ready, in words;
  // empty when all are. Ready is one that some host declares, that has no slot that is due and no
  // unfinished job, and whose last attempt was good.
  std::string obstacle(const std::vector<std::string>& depends_on) const;

 private:
  std::map<std::string, State> states_;  // by name
};

// Looks at these definitions. Throws DatabaseError.
Dependencies look_at_dependencies(db::Transaction& tx, const std::vector<std::string>& names,
                                  Time now);

}  // namespace schedctl::schedule
