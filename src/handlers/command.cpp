#include "handlers/command.h"

#include <fmt/format.h>
#include <pwd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "handlers/json_text.h"
#include "handlers/output_log.h"
#include "handlers/placeholder.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::handlers {
namespace {

using job::Outcome;
using job::Result;
using std::chrono::steady_clock;

constexpr std::size_t shown_error_bytes = 500;
constexpr const char* default_path = "/usr/local/bin:/usr/bin:/bin";

Outcome ended(Result result, std::string error_class, std::string_view message) {
  Outcome outcome;
  outcome.result = result;
  outcome.error_class = std::move(error_class);
  outcome.error_message = make_storable(message);
  return outcome;
}

bool contains(const std::vector<int>& codes, int code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? fmt::format("{} (SIG{})", signal, name) : std::to_string(signal);
}

// Empty when there is no such user, which the reaper will say.
std::string home_of(const std::string& user) {
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  while (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE)
    buffer.resize(buffer.size() * 2);
  return found ? found->pw_dir : "";
}

// ": " and the last thing that was printed to stderr, shortened.
std::string last_words(const OutputLog& log) {
  const auto line = log.last_line(Stream::err).text;
  if (line.empty()) return "";
  const auto shown = character_boundary(line, shown_error_bytes);
  return fmt::format(": {}{}", line.substr(0, shown), shown < line.size() ? "…" : "");
}

class Command : public Handler {
 public:
  explicit Command(const config::CommandHandler& command) : command_(command) {}

  Outcome run(const job::Claim& claim, Context& context) const override;
  bool needs_reaper() const override { return true; }

 private:
  ProcessSpec spec_for(const job::Claim& claim, const Context& context) const;
  std::vector<std::string> environment_for(const job::Claim& claim, const Context& context) const;
  Outcome outcome_of(const ProcessEnd& end, const OutputLog& log, const Context& context) const;
  Outcome outcome_of_exit(const ProcessEnd& end, const OutputLog& log) const;

  const config::CommandHandler command_;
};

Outcome Command::run(const job::Claim& claim, Context& context) const {
  if (context.stop.stop_requested()) {
    const bool cancelled = context.stop_reason() == StopReason::cancelled;
    return ended(cancelled ? Result::cancelled : Result::given_back, "stopped",
                 "stopped before it was started");
  }
  ProcessSpec spec;
  try {
    spec = spec_for(claim, context);
  } catch (const DataError& error) {
    return ended(Result::rejected, "bad_payload", error.what());
  }
  OutputLog log(command_.output_limit_bytes, context.log);
  const auto end = context.reaper->run(
      spec, context.stop, context.kill_now,
      [&](int fd, std::string_view bytes) {
        log.write(fd == 2 ? Stream::err : Stream::out, bytes);
      },
      context.place);
  log.finish();
  return outcome_of(end, log, context);
}

ProcessSpec Command::spec_for(const job::Claim& claim, const Context& context) const {
  ProcessSpec spec;
  spec.argv = expand(command_.argv, claim.payload);
  spec.env = environment_for(claim, context);
  spec.stdin_data = claim.payload;
  if (!command_.cwd.empty()) spec.cwd = command_.cwd;
  if (command_.umask) spec.umask = *command_.umask;
  spec.nice = command_.nice;
  spec.user = command_.user;
  spec.cpu_limit = command_.cpu_limit;
  spec.memory_limit_bytes = command_.memory_limit_bytes;
  spec.kill_grace = command_.kill_grace;
  if (context.deadline)
    spec.timeout = std::max(std::chrono::ceil<Duration>(*context.deadline - steady_clock::now()),
                            Duration::zero());
  return spec;
}

// What the file lists wins over what is inherited; the names that schedctl sets win over both.
std::vector<std::string> Command::environment_for(const job::Claim& claim,
                                                  const Context& context) const {
  std::map<std::string, std::string> env{{"PATH", default_path}};
  const auto inherit = [&env](const std::string& name) {
    if (const char* value = std::getenv(name.c_str())) env[name] = value;
  };
  for (const char* name : {"PATH", "HOME", "LANG", "TZ"}) inherit(name);
  if (!command_.user.empty()) env["HOME"] = home_of(command_.user);
  for (const auto& name : command_.pass_env) inherit(name);
  for (const auto& [name, value] : command_.env) env[name] = value;

  env["SCHEDCTL_JOB_ID"] = std::to_string(claim.id);
  env["SCHEDCTL_EXECUTION_ID"] = std::to_string(claim.execution_id);
  env["SCHEDCTL_ATTEMPT"] = std::to_string(claim.attempt);
  env["SCHEDCTL_IDEMPOTENCY_KEY"] = claim.idempotency_key;
  env.erase("SCHEDCTL_SLOT");
  env.erase("SCHEDCTL_DEADLINE");
  if (claim.slot) env["SCHEDCTL_SLOT"] = *claim.slot;
  if (!context.deadline_utc.empty()) env["SCHEDCTL_DEADLINE"] = context.deadline_utc;

  std::vector<std::string> entries;
  entries.reserve(env.size());
  for (const auto& [name, value] : env) entries.push_back(name + "=" + value);
  return entries;
}

Outcome ended_by_stop(StopReason reason) {
  switch (reason) {
    case StopReason::cancelled:
      return ended(Result::cancelled, "cancelled", "cancelled while it ran");
    case StopReason::fence_lost:
      return ended(Result::interrupted, "fence_lost", "cut off: the claim was lost");
    case StopReason::shutdown:
    case StopReason::none:
      break;
  }
  return ended(Result::interrupted, "shutdown", "cut off when schedctl stopped");
}

Outcome ended_by_timeout(const Context& context) {
  const auto limit = std::chrono::round<Duration>(*context.deadline - context.started);
  return ended(Result::timeout, "timeout",
               fmt::format("ran longer than its timeout of {}", format_duration(limit)));
}

Outcome Command::outcome_of(const ProcessEnd& end, const OutputLog& log,
                            const Context& context) const {
  using Kind = ProcessEnd::Kind;
  if (end.kind == Kind::not_startable) return ended(Result::rejected, "not_startable", end.message);
  if (end.kind == Kind::not_now) return ended(Result::failed, "not_startable", end.message);
  if (end.kind == Kind::no_resources) return ended(Result::given_back, "no_resources", end.message);
  if (end.kind == Kind::reaper_lost && !end.timed_out && !end.stopped)
    return ended(Result::failed, "reaper_lost", end.message);

  Outcome outcome;
  if (end.timed_out) {
    outcome = ended_by_timeout(context);
  } else if (end.over_memory) {
    outcome = ended(Result::failed, "memory",
                    fmt::format("used more than its memory limit of {}",
                                format_size(*command_.memory_limit_bytes)));
  } else if (end.stopped) {
    const bool lease_over = end.kind != Kind::reaper_lost && !end.message.empty();
    outcome = ended_by_stop(lease_over ? StopReason::fence_lost : context.stop_reason());
  } else if (end.kind == Kind::signalled) {
    outcome = ended(Result::failed, "signal",
                    fmt::format("ended by signal {}{}", signal_name(end.signal), last_words(log)));
  } else {
    outcome = outcome_of_exit(end, log);
  }
  if (end.kind == Kind::exited) outcome.exit_code = end.exit_code;
  if (end.kind == Kind::signalled) outcome.signal = end.signal;
  outcome.cpu_ms = end.cpu_ms;
  outcome.peak_rss_bytes = end.peak_rss_bytes;
  if (auto line = log.last_line(Stream::out); line.whole && is_jsonb_object(line.text))
    outcome.json = std::move(line.text);
  return outcome;
}

Outcome Command::outcome_of_exit(const ProcessEnd& end, const OutputLog& log) const {
  const int code = end.exit_code;
  if (contains(command_.success_codes, code)) return {};
  Result result = Result::failed;
  if (contains(command_.snooze_codes, code))
    result = Result::snoozed;
  else if (contains(command_.reject_codes, code))
    result = Result::rejected;
  else if (contains(command_.skip_codes, code))
    result = Result::skipped;
  auto outcome = ended(result, "exit", fmt::format("exit code {}{}", code, last_words(log)));
  if (result == Result::snoozed) outcome.retry_after = command_.snooze_delay;
  return outcome;
}

}  // namespace

std::unique_ptr<Handler> make_command(const config::Handler& handler) {
  return std::make_unique<Command>(std::get<config::CommandHandler>(handler.how));
}

}  // namespace schedctl::handlers
