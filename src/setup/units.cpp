#include "setup/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "util/embedded_text.h"

namespace schedctl::setup {
namespace {

using Values = std::map<std::string, std::string>;

bool is_of(const std::string& condition, UnitKind kind) {
  if (condition == "system") return kind != UnitKind::session;
  if (condition == "packaged") return kind == UnitKind::packaged;
  if (condition == "user") return kind == UnitKind::user || kind == UnitKind::packaged;
  return condition == "root" && kind == UnitKind::root;
}

// "@NAME@" by its value; any other "@" stays, as in the names of groups of system calls.
std::string filled(std::string line, const Values& values) {
  for (const auto& [name, value] : values) {
    const auto mark = '@' + name + '@';
    for (auto at = line.find(mark); at != std::string::npos;
         at = line.find(mark, at + value.size()))
      line.replace(at, mark.size(), value);
  }
  return line;
}

// Comments that explain a line go with it.
std::string render(std::string_view text, UnitKind kind, const Values& values) {
  std::string out, comments;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) {
      comments += line + '\n';
      continue;
    }
    if (line.starts_with('?')) {
      const auto space = line.find(' ');
      const bool kept = is_of(line.substr(1, space - 1), kind);
      line.erase(0, space + 1);
      const bool is_unset = line.ends_with("@WRITABLE@") && values.at("WRITABLE").empty();
      if (!kept || is_unset) {
        if (!kept && !comments.empty()) comments.clear();
        continue;
      }
    }
    if (line.empty() && out.ends_with("\n\n")) continue;  // where a paragraph was left out
    out += std::exchange(comments, "") + filled(line, values) + '\n';
  }
  return out;
}

std::string calendar_of(const When& when) {
  std::string text;
  for (const auto& moment : when.calendar)
    text += (text.empty() ? "" : "\n") + ("OnCalendar=" + moment);
  return text;
}

}  // namespace

std::string unit_word(const std::string& text) {
  std::string word = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') word += '\\';
    if (c == '%' || c == '$') word += c;
    word += c;
  }
  return word + '"';
}

std::vector<Unit> units(const Plan& plan, UnitKind kind, const std::vector<std::string>& writable) {
  const auto list = [](const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + unit_word(word);
    return text;
  };
  Values values = {
      {"USER", plan.user.name},           {"PROGRAM", unit_word(plan.program)},
      {"CONFIG", unit_word(plan.config)}, {"ENVIRONMENT", list(environment_of(plan))},
      {"WRITABLE", list(writable)},       {"STOP_TIMEOUT", format_duration(plan.stop_timeout)}};
  const auto service = find_text(text::units, "schedctl.service");
  const auto timer = find_text(text::units, "schedctl.timer");
  std::vector<Unit> made;
  const auto add = [&](const std::string& name, const char* page, const char* arguments,
                       const char* does, const When& when) {
    values["PAGE"] = page;
    values["ARGUMENTS"] = arguments;
    values["UNIT"] = name;
    values["DESCRIPTION"] = does;
    values["CALENDAR"] = calendar_of(when);
    made.push_back({name + ".service", render(service, kind, values)});
    made.push_back({name + ".timer", render(timer, kind, values)});
  };
  const auto name = name_of(plan.config);
  // While a run is at work systemd starts no other one, so this one goes on claiming.
  add(name, "schedctl-process", "process --max-runtime 1d", "schedctl: run what is due", plan.when);
  add(name + "-cleanup", "schedctl-cleanup-stuck", "cleanup-stuck",
      "schedctl: take back the jobs of dead workers", every(cleanup_interval));
  return made;
}

}  // namespace schedctl::setup
