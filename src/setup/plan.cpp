#include "setup/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::setup {
namespace {

constexpr std::size_t longest_path = 300;  // crons read lines of 1000 characters at least

void refuse(const char* what, const std::string& value, const char* why) {
  throw UsageError(fmt::format("{} \"{}\": {}", what, escape_control(value.substr(0, 100)), why));
}

void check_text(const char* what, const std::string& value) {
  if (value.size() > longest_path) refuse(what, value, "is longer than 300 bytes");
  if (!is_storable(value) || escape_control(value) != value ||
      value.find('\t') != std::string::npos)
    refuse(what, value, "holds control characters or is no UTF-8: cron and systemd read lines");
  if (value.find('\\') != std::string::npos)
    refuse(what, value, "holds a backslash, which crons read in different ways");
}

void check_path(const char* what, const std::string& value) {
  check_text(what, value);
  if (!value.starts_with('/')) refuse(what, value, "is no absolute path: begin it with /");
}

}  // namespace

std::string id_of(const std::string& config) { return fmt::format("{:08x}", fnv1a(config) >> 32); }

std::string name_of(const std::string& config) {
  return config == system_config ? "schedctl" : "schedctl-" + id_of(config);
}

std::vector<std::string> environment_of(const Plan& plan) {
  std::vector<std::string> variables = {"PATH=" + plan.path};
  if (!plan.profile.empty()) variables.push_back("SCHEDCTL_PROFILE=" + plan.profile);
  if (!plan.log_file.empty()) variables.push_back("SCHEDULER_LOG_FILE=" + plan.log_file);
  return variables;
}

void check(const Plan& plan) {
  check_path("program", plan.program);
  check_path("--config", plan.config);
  check_path("--path", plan.path);
  if (!plan.log_file.empty()) check_path("--log-file", plan.log_file);
  check_text("SCHEDCTL_PROFILE", plan.profile);
  const bool is_address = std::ranges::all_of(plan.mailto, [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("@._+-,").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!is_address || plan.mailto.starts_with('-'))
    refuse("--mailto", plan.mailto, "is no mail address: use e.g. ops@example.org");
}

}  // namespace schedctl::setup
