// Refusal: what somebody asked for cannot be done to this job as it is; no other job is concerned.
#pragma once

#include <string>

#include "db/transaction.h"
#include "job/job.h"
#include "util/error.h"

namespace schedctl::queue {

class Refusal : public Error {
 public:
  explicit Refusal(const std::string& message) : Error(ExitCode::failed, message) {}
};

// From the row of cancel.sql or retry.sql; what the function returned. Throws Refusal for a job
// that has left the queue, saying how it ended and, with `rule`, what could have been done.
std::string answer_of(const db::Row& row, job::JobId id, const std::string& rule);

// Throws a Refusal when the function has refused; else does nothing.
void throw_refusal(const DatabaseError& error);

}  // namespace schedctl::queue
