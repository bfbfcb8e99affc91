// Prune: delete history that is older than it is to be kept.
#pragma once

#include "config/config.h"
#include "db/transaction.h"
#include "util/clock.h"

namespace schedctl::queue {

// There is something to prune: one look at the ends of three indexes.
bool outlived(db::Transaction& tx, const config::Retention& retention);

// Each deletes up to `limit` rows from before an instant, oldest first, skipping what others delete
// at this moment, and says how many. Attempts and lines of jobs that are pending or running stay,
// however old. Throws DatabaseError.
int prune_completed(db::Transaction& tx, Time before, int limit);  // attempts
int prune_failed(db::Transaction& tx, Time before, int limit);     // attempts that ended otherwise
int prune_logs(db::Transaction& tx, Time before, int limit);       // lines

}  // namespace schedctl::queue
