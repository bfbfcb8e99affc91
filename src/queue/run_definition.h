// Run definition: one job of a definition now, whatever its schedule says.
#pragma once

#include <optional>
#include <string>

#include "db/transaction.h"
#include "job/job.h"

namespace schedctl::queue {

// With the definition's own payload unless one is given. Others see the job when the caller
// commits. Recorded in audit_log. Throws DatabaseError: 65 for an unknown name or a bad payload.
job::JobId run_definition(db::Transaction& tx, const std::string& name,
                          const std::optional<std::string>& payload);

}  // namespace schedctl::queue
