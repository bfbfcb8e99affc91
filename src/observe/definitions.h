// Definitions: what is planned, and how its last runs ended.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "util/clock.h"

namespace schedctl::observe {

// What people are shown of a definition; `json` is all of it, as the server wrote it.
struct Definition {
  std::string name;
  std::string handler;
  std::string state;                    // active, waiting, paused, disabled, retired
  std::optional<std::string> schedule;  // as written; none: only run by hand
  std::optional<std::string> written;   // the same for schedule/stored.h
  std::string timezone;
  std::optional<Time> next_run_at;
  std::optional<Time> paused_until;
  std::optional<std::string> last_status;
  std::optional<Time> last_finished_at;
  std::string differing_hosts;  // that declare something else; empty: none
  std::string json;
};

// One statement. Throws DatabaseError.
std::vector<Definition> definitions(db::Transaction& tx);

}  // namespace schedctl::observe
