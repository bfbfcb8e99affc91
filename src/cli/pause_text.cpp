#include "cli/pause_text.h"

#include <fmt/format.h>

#include "cli/output.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

std::string json_time(const std::optional<Time>& time) {
  return time ? '"' + format_utc(*time) + '"' : "null";
}

std::string json_text(const std::string& text) { return text.empty() ? "null" : json_string(text); }

}  // namespace

std::string pause_when(const queue::Pause& pause) {
  return fmt::format("since {}, until {}", show(pause.since),
                     pause.until ? show(pause.until) : "somebody resumes");
}

std::string pause_who(const queue::Pause& pause) {
  return one_line("by " + pause.by + (pause.reason.empty() ? "" : ": " + pause.reason));
}

std::string pause_members(const std::optional<queue::Pause>& pause) {
  if (!pause)
    return R"("paused":false,"paused_since":null,"paused_until":null,"pause_reason":null,"paused_by":null)";
  return fmt::format(
      R"("paused":true,"paused_since":{},"paused_until":{},"pause_reason":{},"paused_by":{})",
      json_time(pause->since), json_time(pause->until), json_text(pause->reason),
      json_text(pause->by));
}

}  // namespace schedctl::cli
