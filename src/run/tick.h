// Tick: one run of `schedctl process`, from the host lock to the last stored outcome. DESIGN
// section 3.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "queue/pause.h"
#include "util/error.h"

namespace schedctl::run {

struct TickOptions {
  std::optional<long> limit;           // at most so many jobs
  std::vector<std::string> job_types;  // only these; empty: all that this host handles
  bool fail_on_job_error = false;      // exit code 1 when an attempt failed
};

// Exit code: ok when all is done, nothing was due, another run holds the host lock or the server is
// a standby; 128 + n after signal n. Throws Error for everything else. Must be called while the
// process has one thread.
ExitCode tick(const config::Config& config, const TickOptions& options);

// What a tick would claim now, most urgent first; changes nothing.
struct DueJob {
  long id = 0;
  std::string job_type;
  int priority = 0;
  std::string scheduled_for;  // RFC 3339, UTC
  int attempt = 0;
};
struct Preview {
  std::optional<queue::Pause> pause;  // then there are no jobs
  std::vector<DueJob> jobs;
};
Preview preview(const config::Config& config, const TickOptions& options);

// The job types that a run with these options may claim. Throws ConfigError for a type without a
// handler.
std::vector<std::string> claimable_types(const config::Config& config, const TickOptions& options);

}  // namespace schedctl::run
