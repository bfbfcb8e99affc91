// Outcome: what a handler returns. A failed job is an Outcome, never an exception.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "util/clock.h"

namespace schedctl::job {

enum class Result {
  completed,    // done
  failed,       // try again while attempts are left
  timeout,      // as failed: it ran longer than it may
  rejected,     // no retry: dead at once
  skipped,      // the job is done without having been run
  snoozed,      // again later; this attempt does not count
  interrupted,  // cut off by our own stop: again, and not the job's fault
  cancelled,    // a person asked for it: ends the job
  given_back,   // never started: pending again, leaves no trace
};

struct Outcome {
  Result result = Result::completed;
  std::string error_class{};  // "exit", "signal", "timeout", "not_startable", "sql", "expired" ...;
                              // empty when completed
  std::string error_message{};        // one line or a few; storable text
  std::optional<std::string> json{};  // the handler's result: a JSON object as text
  std::optional<int> exit_code{};
  std::optional<int> signal{};
  std::optional<Duration> retry_after{};  // the least delay before the next try (failed, snoozed)
  std::optional<std::int64_t> cpu_ms{};
  std::optional<std::int64_t> peak_rss_bytes{};
  bool stored = false;  // already committed under the fence, by the handler's own transaction
};

// For a job whose expires_at had passed before it was claimed.
inline Outcome expired_outcome() {
  return {.result = Result::skipped,
          .error_class = "expired",
          .error_message = "expires_at had passed before it could be run"};
}

}  // namespace schedctl::job
