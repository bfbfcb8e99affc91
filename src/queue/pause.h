// Pause: while one of everything holds, no run of any host plans or claims; while one of a
// definition holds, no run plans that. Jobs that run go on, and jobs can be enqueued.
#pragma once

#include <optional>
#include <string>

#include "db/transaction.h"
#include "util/clock.h"

namespace schedctl::queue {

struct Pause {
  Time since;
  std::optional<Time> until;  // none: until somebody resumes
  std::string reason;         // may be empty
  std::string by;             // the database user
};

struct PauseRequest {
  std::optional<Time> until;
  std::optional<Duration> length;  // from now, by the database's clock; instead of `until`
  std::optional<std::string> reason;
};

// Holds for others when the caller commits; a pause that holds already gets a new end and reason.
// Recorded in audit_log. Throws DatabaseError: 65 for an end that has passed.
Pause pause(db::Transaction& tx, const PauseRequest& request);

// False: there was none. Recorded in audit_log.
bool resume(db::Transaction& tx);

// The same for one definition. Throws DatabaseError: 65 for an unknown name too.
Pause pause_definition(db::Transaction& tx, const std::string& name, const PauseRequest& request);
bool resume_definition(db::Transaction& tx, const std::string& name);

// What holds now.
std::optional<Pause> current_pause(db::Transaction& tx);

// From the columns of the view current_pause, null when none holds.
std::optional<Pause> read_pause(const db::Row& row);

}  // namespace schedctl::queue
