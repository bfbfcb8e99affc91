#include <doctest/doctest.h>

#include <chrono>

#include "queue/settle.h"
#include "support/claims.h"
#include "util/error.h"

using namespace schedctl;
using namespace std::chrono_literals;
using job::Result;
using test::policy;
using test::settled;

namespace {

struct Case {
  const char* promise;
  Result result;
  int attempt;
  int interruptions;
  std::optional<int> max_attempts;
  int attempts_base;
  std::string execution_status;
  std::string job_status;        // "": the job leaves the queue
  std::optional<Duration> wait;  // after finished_at; none: scheduled_for stays
};

}  // namespace

TEST_SUITE("queue::judge") {
  TEST_CASE("what becomes of a job follows from its outcome and its attempts") {
    // max_retries is 2, the backoff 10 s, max_interruptions 3.
    const Case cases[] = {
        {"done is done", Result::completed, 1, 0, {}, 0, "completed", "", {}},
        {"skipped jobs leave", Result::skipped, 1, 0, {}, 0, "skipped", "", {}},
        {"a first failure is retried", Result::failed, 1, 0, {}, 0, "failed", "pending", 10s},
        {"so is the last but one", Result::failed, 2, 0, {}, 0, "failed", "pending", 10s},
        {"the last one is dead", Result::failed, 3, 0, {}, 0, "failed", "failed", {}},
        {"beyond the last too", Result::failed, 9, 0, {}, 0, "failed", "failed", {}},
        {"a timeout is a failure", Result::timeout, 1, 0, {}, 0, "timeout", "pending", 10s},
        {"and dies as timeout", Result::timeout, 3, 0, {}, 0, "timeout", "timeout", {}},
        {"the job's own limit wins below", Result::failed, 1, 0, 1, 0, "failed", "failed", {}},
        {"and above", Result::failed, 3, 0, 4, 0, "failed", "pending", 10s},
        {"interruptions are no failures", Result::failed, 4, 2, {}, 0, "failed", "pending", 10s},
        {"only failures count", Result::failed, 5, 2, {}, 0, "failed", "failed", {}},
        {"sent back by a person", Result::failed, 4, 0, {}, 3, "failed", "pending", 10s},
        {"with all retries again", Result::failed, 6, 0, {}, 3, "failed", "failed", {}},
        {"no retry of the refused", Result::rejected, 1, 0, {}, 0, "failed", "failed", {}},
        {"cancelled is dead", Result::cancelled, 1, 0, {}, 0, "cancelled", "cancelled", {}},
        {"snoozed comes back", Result::snoozed, 9, 0, {}, 0, "snoozed", "pending", 1min},
        {"cut off comes back", Result::interrupted, 9, 2, {}, 0, "interrupted", "pending", {}},
        {"not forever", Result::interrupted, 9, 3, {}, 0, "interrupted", "failed", {}},
    };
    for (const auto& one : cases) {
      CAPTURE(one.promise);
      job::Claim claim;
      claim.attempt = one.attempt;
      claim.interruptions = one.interruptions;
      claim.max_attempts = one.max_attempts;
      claim.attempts_base = one.attempts_base;
      const auto ended = settled(claim, {.result = one.result}, policy(2));

      const auto verdict = queue::judge(ended);

      CHECK(verdict.execution_status == one.execution_status);
      CHECK(verdict.job_status.value_or("") == one.job_status);
      CHECK(verdict.next_at ==
            (one.wait ? std::optional<Time>(ended.finished_at + *one.wait) : std::nullopt));
      CHECK(verdict.uncounted == (one.result == Result::snoozed ? 1 : 0));
      CHECK(verdict.snoozed == (one.result == Result::snoozed ? 1 : 0));
      CHECK(verdict.interrupted == (one.result == Result::interrupted ? 1 : 0));
    }
  }

  TEST_CASE("a handler's own delay is the least wait, never a shorter one") {
    const job::Claim claim;
    const auto wait = [&](Result result, Duration asked) {
      const auto ended = settled(claim, {.result = result, .retry_after = asked}, policy(2));
      return *queue::judge(ended).next_at - ended.finished_at;
    };
    CHECK(wait(Result::failed, 1h) == 1h);
    CHECK(wait(Result::failed, 1s) == 10s);
    CHECK(wait(Result::snoozed, 1s) == 1s);
  }

  TEST_CASE("interruptions do not lengthen the backoff") {
    job::Claim claim;
    claim.attempt = 4;
    claim.interruptions = 3;
    auto retry = policy(2);
    retry.backoff.kind = job::Backoff::Kind::exponential;
    const auto ended = settled(claim, {.result = Result::failed}, retry);

    CHECK(queue::judge(ended).next_at == ended.finished_at + 10s);
  }

  TEST_CASE("a job that was given back has nothing to store") {
    CHECK_THROWS_AS(queue::judge(settled({}, {.result = Result::given_back})), Error);
  }

  TEST_CASE("only a success with nothing to tell takes the lean form") {
    CHECK(queue::is_plain_success(settled({}, {})));
    CHECK_FALSE(queue::is_plain_success(settled({}, {.json = "{}"})));
    CHECK_FALSE(queue::is_plain_success(settled({}, {.exit_code = 0})));
    CHECK_FALSE(queue::is_plain_success(settled({}, {.error_message = "output cut"})));
    CHECK_FALSE(queue::is_plain_success(settled({}, {.result = Result::failed})));
    auto never_started = settled({}, {});
    never_started.started_at.reset();
    CHECK_FALSE(queue::is_plain_success(never_started));
  }
}
