// Change: what is to become of a table or a file, worked out before anything is written.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "setup/crontab.h"
#include "setup/plan.h"
#include "setup/units.h"

namespace schedctl::setup {

struct Change {
  std::string place;  // "crontab of root", "/etc/cron.d/schedctl"
  std::string before;
  std::string after;  // empty: it goes away
  std::function<std::string()> read;
  std::function<void(const std::string& text)> write;
  std::function<void()> tidy;  // away with what a crash may have left beside it; empty: nothing

  bool changes() const { return before != after; }
};

enum class Aim { put, remove };

Change change_table(const Plan& plan, Aim aim);
Change change_cron_d(const Plan& plan, Aim aim);
// Only files that setup-cron made are changed. `folder` is where units lie.
std::vector<Change> change_units(const Plan& plan, Aim aim, const std::vector<Unit>& units,
                                 const std::string& folder);

// Writes what changes, each whole or not at all. Throws Error 75 when something is no longer what
// it was when the change was worked out; then nothing of it is written.
void apply(const std::vector<Change>& changes);

}  // namespace schedctl::setup
