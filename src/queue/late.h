// Late: outcomes of claims that had been lost when they arrived.
#pragma once

#include <vector>

#include "db/transaction.h"
#include "queue/settle.h"

namespace schedctl::queue {

// Keeps each in the metadata of its execution, as `late_outcome`, when that was declared lost; what
// is there already stays. How many. Throws DatabaseError.
std::size_t keep_late(db::Transaction& tx, const std::vector<Settled>& batch);

}  // namespace schedctl::queue
