// Dependencies: whether definitions may start as far as those are concerned on which they depend.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "util/clock.h"

namespace schedctl::schedule {

class Dependencies {
 public:
  // Looks at these definitions. Throws DatabaseError.
  Dependencies(db::Transaction& tx, const std::vector<std::string>& names, Time now);

  // What keeps a definition waiting: the first of its dependencies that is not ready, in words;
  // empty when all are. Ready is one that is active, has no slot that is due and no unfinished job,
  // and whose last run was good.
  std::string obstacle(const std::vector<std::string>& depends_on) const;

 private:
  std::map<std::string, std::string> obstacles_;  // by name; empty: ready
};

}  // namespace schedctl::schedule
