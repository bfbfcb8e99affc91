// What a definition says about retries as text: so the database keeps it for whoever runs its jobs.
#pragma once

#include <string>

#include "config/definition.h"

namespace schedctl::config {

// A JSON object of what is set, but for max_retries, which is frozen in each job; empty when
// nothing is.
std::string retry_text(const RetryOverrides& overrides);
// Throws DataError when it is no such object, e.g. of a later version.
RetryOverrides read_retry_text(const std::string& text);

// `backoff` with what is set on top.
job::Backoff with_overrides(job::Backoff backoff, const RetryOverrides& overrides);

}  // namespace schedctl::config
