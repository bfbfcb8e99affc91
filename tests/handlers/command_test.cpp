#include "handlers/command.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "handlers/noop.h"

namespace schedctl::handlers {
namespace {

using namespace std::chrono_literals;
using job::Outcome;
using job::Result;

struct Fixture {
  Reaper reaper{{}, nullptr, Duration{0}};
  config::CommandHandler how;
  job::Claim claim;
  std::optional<Duration> timeout;
  std::stop_source stop;
  StopReason reason = StopReason::none;
  std::vector<std::string> out, err, own;
  std::function<void(std::string_view)> on_out = [](std::string_view) {};

  Fixture() {
    claim.id = 42;
    claim.execution_id = 4711;
    claim.attempt = 3;
    claim.payload = R"({"topic":"tech"})";
    claim.idempotency_key = "i-42-1";
  }

  Outcome run() {
    config::Handler handler;
    handler.name = "test";
    handler.how = how;
    Context context;
    context.stop = stop.get_token();
    context.stop_reason = [this] { return reason; };
    context.started = std::chrono::steady_clock::now();
    if (timeout) context.deadline = context.started + *timeout;
    if (timeout) context.deadline_utc = "2027-01-01T09:00:00Z";
    context.reaper = &reaper;
    context.log = [this](Stream stream, std::string_view line) {
      (stream == Stream::out ? out : stream == Stream::err ? err : own).emplace_back(line);
      if (stream == Stream::out) on_out(line);
    };
    return make_command(handler)->run(claim, context);
  }
  Outcome sh(const std::string& script) {
    how.argv = {"/bin/sh", "-c", script};
    return run();
  }
};

std::int64_t peak_rss_kb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

TEST_SUITE("handlers::command") {
  TEST_CASE_FIXTURE(Fixture, "an exit code decides what becomes of the job") {
    how.snooze_delay = 90s;
    const std::map<int, Result> results = {
        {0, Result::completed}, {75, Result::snoozed}, {65, Result::rejected},
        {78, Result::rejected}, {99, Result::skipped}, {1, Result::failed},
        {126, Result::failed},  {127, Result::failed}, {255, Result::failed}};
    for (const auto& [code, result] : results) {
      CAPTURE(code);
      const auto outcome = sh("echo first >&2; echo why >&2; exit " + std::to_string(code));
      CHECK(outcome.result == result);
      CHECK(outcome.exit_code == code);
      CHECK(outcome.error_class == (code == 0 ? "" : "exit"));
      CHECK(outcome.error_message ==
            (code == 0 ? "" : "exit code " + std::to_string(code) + ": why"));
      CHECK(outcome.retry_after == (code == 75 ? std::optional<Duration>(90s) : std::nullopt));
      CHECK(outcome.cpu_ms.has_value());
      CHECK(*outcome.peak_rss_bytes > 0);
    }
  }

  TEST_CASE_FIXTURE(Fixture, "the meaning of exit codes can be changed") {
    how.success_codes = {0, 3};
    how.reject_codes = {};
    CHECK(sh("exit 3").result == Result::completed);
    CHECK(sh("exit 65").result == Result::failed);
  }

  TEST_CASE_FIXTURE(Fixture, "a signal, a missing program and a lost reaper are told apart") {
    auto outcome = sh("kill -SEGV $$");
    CHECK(outcome.result == Result::failed);
    CHECK(outcome.error_class == "signal");
    CHECK(outcome.error_message == "ended by signal 11 (SIGSEGV)");
    CHECK(outcome.signal == SIGSEGV);
    CHECK_FALSE(outcome.exit_code);

    how.argv = {"no-such-program"};
    outcome = run();
    CHECK(outcome.result == Result::rejected);
    CHECK(outcome.error_class == "not_startable");
    CHECK(outcome.error_message.starts_with("no such program: no-such-program (PATH="));

    outcome = sh("kill -9 $PPID; sleep 1000");
    CHECK(outcome.result == Result::failed);
    CHECK(outcome.error_class == "reaper_lost");
    CHECK(sh("exit 0").result == Result::given_back);
  }

  TEST_CASE_FIXTURE(Fixture, "a payload reaches the command byte for byte and never a shell") {
    const std::string canary = "/tmp/schedctl-canary-" + std::to_string(::getpid());
    claim.payload = R"({"v":"; touch )" + canary + R"( `id` $(id) \"q\" 'q' %s ../ {payload.v}"})";
    how.argv = {"printf", "%s|", "{payload.v}", "end"};
    CHECK(run().result == Result::completed);
    CHECK(out == std::vector<std::string>{"; touch " + canary +
                                          " `id` $(id) \"q\" 'q' %s ../ {payload.v}|end|"});
    out.clear();
    how.argv = {"cat"};
    run();
    CHECK(out == std::vector<std::string>{claim.payload});
    CHECK_FALSE(std::filesystem::exists(canary));
  }

  TEST_CASE_FIXTURE(Fixture, "a payload that lacks a value is rejected without a start") {
    how.argv = {"echo", "{payload.missing}"};
    const auto outcome = run();
    CHECK(outcome.result == Result::rejected);
    CHECK(outcome.error_class == "bad_payload");
    CHECK(outcome.error_message == "payload.missing is missing, but the command needs it");
    CHECK(out.empty());
  }

  TEST_CASE_FIXTURE(Fixture, "the environment holds what is listed, and nothing of the payload") {
    ::setenv("SCHEDCTL_TEST_SECRET", "canary", 1);
    ::setenv("SCHEDCTL_TEST_PASSED", "passed", 1);
    ::setenv("LANG", "C", 1);
    claim.payload = R"({"LD_PRELOAD":"x","PATH":"x","BASH_ENV":"x","a\nb=c":"x"})";
    claim.slot = "2027-01-01T08:00:00Z";
    how.argv = {"/usr/bin/env"};
    how.pass_env = {"SCHEDCTL_TEST_PASSED", "NOT_SET_ANYWHERE"};
    how.env = {{"MODE", "fast"}, {"SCHEDCTL_ATTEMPT", "forged"}};
    timeout = 20s;
    run();
    std::set<std::string> names;
    for (const auto& line : out) names.insert(line.substr(0, line.find('=')));
    std::set<std::string> expected{"PATH",
                                   "LANG",
                                   "MODE",
                                   "SCHEDCTL_TEST_PASSED",
                                   "SCHEDCTL_JOB_ID",
                                   "SCHEDCTL_EXECUTION_ID",
                                   "SCHEDCTL_ATTEMPT",
                                   "SCHEDCTL_SLOT",
                                   "SCHEDCTL_DEADLINE",
                                   "SCHEDCTL_IDEMPOTENCY_KEY"};
    for (const char* name : {"HOME", "TZ"})
      if (::getenv(name)) expected.insert(name);
    CHECK(names == expected);
    const std::set<std::string> lines(out.begin(), out.end());
    for (const char* line :
         {"MODE=fast", "SCHEDCTL_TEST_PASSED=passed", "SCHEDCTL_JOB_ID=42",
          "SCHEDCTL_EXECUTION_ID=4711", "SCHEDCTL_ATTEMPT=3", "SCHEDCTL_SLOT=2027-01-01T08:00:00Z",
          "SCHEDCTL_IDEMPOTENCY_KEY=i-42-1", "SCHEDCTL_DEADLINE=2027-01-01T09:00:00Z"})
      CHECK_MESSAGE(lines.contains(line), line);

    out.clear();
    claim.slot.reset();
    timeout.reset();
    run();
    for (const auto& line : out) {
      CHECK_FALSE(line.starts_with("SCHEDCTL_SLOT="));
      CHECK_FALSE(line.starts_with("SCHEDCTL_DEADLINE="));
    }
  }

  TEST_CASE_FIXTURE(Fixture, "a command of another user finds that user's home") {
    if (::geteuid() != 0) return;
    how.user = "nobody";
    sh("echo $HOME; id -un");
    CHECK(out == std::vector<std::string>{"/nonexistent", "nobody"});
  }

  TEST_CASE_FIXTURE(Fixture, "the last line of stdout is the result when it is a JSON object") {
    CHECK(sh(R"(echo log; echo '{"rows": 3, "n": 123456789012345678901234567890}'; echo)").json ==
          R"({"rows": 3, "n": 123456789012345678901234567890})");
    CHECK_FALSE(sh(R"(echo '{"rows":3}'; echo done)").json);
    CHECK_FALSE(sh(R"(echo '[1]')").json);
    CHECK_FALSE(sh(R"(echo '{"a":"\u0000"}')").json);
    CHECK_FALSE(sh(R"(printf '{"a":"'; head -c 70000 /dev/zero | tr '\0' a; echo '"}')").json);
    CHECK(sh(R"(echo '{"e":1}'; exit 1)").json == R"({"e":1})");
  }

  TEST_CASE_FIXTURE(Fixture, "a command that runs out of time says its limit") {
    timeout = 200ms;
    const auto outcome = sh("sleep 1000");
    CHECK(outcome.result == Result::timeout);
    CHECK(outcome.error_class == "timeout");
    CHECK(outcome.error_message == "ran longer than its timeout of 200ms");
    CHECK(outcome.signal == SIGTERM);
  }

  TEST_CASE_FIXTURE(Fixture, "a command that takes too much memory says its limit") {
    how.memory_limit_bytes = 20 << 20;
    timeout = 20s;
    const auto outcome = sh("x=$(head -c 60000000 /dev/zero | tr '\\0' a); sleep 1000");
    CHECK(outcome.result == Result::failed);
    CHECK(outcome.error_class == "memory");
    CHECK(outcome.error_message == "used more than its memory limit of 20MiB");
  }

  TEST_CASE_FIXTURE(Fixture, "a stop is an interruption, a cancellation or a lost claim") {
    const std::map<StopReason, Result> results = {{StopReason::shutdown, Result::interrupted},
                                                  {StopReason::cancelled, Result::cancelled},
                                                  {StopReason::fence_lost, Result::interrupted}};
    for (const auto& [why, result] : results) {
      stop = std::stop_source();
      reason = StopReason::none;
      on_out = [&, now = why](std::string_view) {
        reason = now;
        stop.request_stop();
      };
      CHECK(sh("echo ready; sleep 1000").result == result);
    }
    out.clear();
    reason = StopReason::shutdown;
    CHECK(sh("echo never").result == Result::given_back);
    CHECK(out.empty());
  }

  TEST_CASE_FIXTURE(Fixture, "a long last word is shortened and made storable") {
    const auto outcome =
        sh("printf 'a\\377b\\000c' >&2; head -c 2000 /dev/zero | tr '\\0' y >&2; exit 1");
    CHECK(outcome.error_message.starts_with("exit code 1: a\uFFFDb\uFFFDcyyy"));
    CHECK(outcome.error_message.ends_with("y…"));
    CHECK(outcome.error_message.size() < 540);
  }

  TEST_CASE_FIXTURE(Fixture, "a gigabyte without a newline costs little memory and is not stored") {
    const auto before = peak_rss_kb();
    const auto outcome = sh("head -c 1073741824 /dev/zero");
    CHECK(outcome.result == Result::completed);
    CHECK(own == std::vector<std::string>{"… 1073479680 bytes of 1073741824 cut …"});
    std::size_t stored = 0;
    for (const auto& line : out) stored += line.size();
    CHECK(stored == 256 * 1024);
    CHECK(peak_rss_kb() - before < 32 * 1024);
  }

  TEST_CASE_FIXTURE(Fixture, "ten million short lines do not hold up the command") {
    const auto begin = std::chrono::steady_clock::now();
    CHECK(sh("yes | head -n 10000000; echo '{\"last\":1}'").json == R"({"last":1})");
    CHECK(own.size() == 1);
    CHECK(std::chrono::steady_clock::now() - begin < 20s);
  }
}

TEST_SUITE("handlers::noop") {
  TEST_CASE("noop completes in process") {
    Context context;
    const auto noop = make_noop();
    CHECK(noop->in_process());
    CHECK_FALSE(noop->needs_reaper());
    CHECK(noop->run({}, context).result == Result::completed);
  }
}

}  // namespace schedctl::handlers
