// Unstored: what a run could not bring into the database in time.
#pragma once

#include <vector>

#include "queue/settle.h"
#include "queue/write_logs.h"

namespace schedctl::run {

struct Unstored {
  std::vector<queue::Settled> outcomes;
  std::vector<queue::LogLine> lines;  // of these executions and of others
  bool empty() const { return outcomes.empty() && lines.empty(); }
};

}  // namespace schedctl::run
