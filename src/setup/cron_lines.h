// Cron lines: the plan as crontab(5) wants it.
#pragma once

#include <string>

#include "setup/plan.h"

namespace schedctl::setup {

// One word for sh(1) in a crontab, where a bare "%" would end the command.
std::string cron_word(const std::string& text);

// The body of a block in a user's table. A variable in a table holds for all lines after it, so
// that of the lines `before` is put back behind the block's own.
std::string table_lines(const Plan& plan, const std::string& before);
// The body of a file in /etc/cron.d, which has a column for the user.
std::string cron_d_lines(const Plan& plan);

}  // namespace schedctl::setup
