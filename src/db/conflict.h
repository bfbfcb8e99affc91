// Conflict: what the server undoes because of others is done again, a few times.
#pragma once

#include <chrono>
#include <thread>

#include "util/error.h"

namespace schedctl::db {

// Of a deadlock one is chosen to give way; what runs beside others may have to be done again.
inline bool is_conflict(const DatabaseError& error) {
  return error.sqlstate() == "40P01" || error.sqlstate() == "40001";
}

inline constexpr int conflict_tries = 5;

// Runs work(), which must be one whole transaction, until it is not undone by a conflict; the last
// try's error is thrown.
template <typename Work>
auto despite_conflicts(const Work& work) {
  for (int tries = 1;; ++tries) {
    try {
      return work();
    } catch (const DatabaseError& e) {
      if (!is_conflict(e) || tries == conflict_tries) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10 << tries));
  }
}

}  // namespace schedctl::db
