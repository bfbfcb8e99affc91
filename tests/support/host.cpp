#include "support/host.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "support/pooler.h"

namespace schedctl::test {

Host::Host(std::string toml, Database::Content content)
    : database(content), toml_(database.toml() + std::move(toml)) {
  env = {"SCHEDCTL_CONFIG=" + (folder / "schedctl.toml"),
         "SCHEDCTL_STATE_DIR=" + (folder / "state"), "SCHEDCTL_HOST=host-a", "TZ=UTC"};
  configure("");
}

void Host::handler(const std::string& type, const std::string& script, const std::string& keys) {
  const auto file = folder.write(type + ".sh", script + "\n");
  configure(
      fmt::format("\n[handler.{}]\ntype = \"command\"\nargv = [\"sh\", \"{}\"]\ncwd = \".\"\n{}\n",
                  type, file, keys));
}

void Host::configure(const std::string& toml) { replace_config(toml_ + toml); }

void Host::replace_config(const std::string& toml) {
  toml_ = toml;
  folder.write("schedctl.toml", toml_);
}

Process Host::start(std::vector<std::string> arguments, std::vector<std::string> more) const {
  arguments.insert(arguments.begin(), binary());
  ProcessOptions options;
  options.env = env;
  options.env.insert(options.env.end(), more.begin(), more.end());
  return test::start(arguments, options);
}

Process Host::start_shell(const std::string& script, std::vector<std::string> more) const {
  ProcessOptions options;
  options.env = env;
  options.env.insert(options.env.end(), more.begin(), more.end());
  options.env.push_back("S=" + binary());
  return test::start({"bash", "-c", script}, options);
}

ProcessResult Host::shell(const std::string& script, std::vector<std::string> more) const {
  return start_shell(script, std::move(more)).wait();
}

ProcessResult Host::run(const std::vector<std::string>& arguments) const {
  return start(arguments).wait();
}

Process Host::start_process(std::vector<std::string> flags) const {
  flags.insert(flags.begin(), "process");
  return start(std::move(flags));
}

ProcessResult Host::process(const std::vector<std::string>& flags) const {
  return start_process(flags).wait();
}

void Host::tick(const std::vector<std::string>& flags) const {
  const auto end = process(flags);
  CHECK(end.exit_code == 0);
  CHECK(end.out == "");
  CHECK(end.err == "");
}

job::JobId Host::enqueue(const std::string& type, const std::string& payload) {
  return database.query("select enqueue($1, $2::json)", {type, payload})[0][0].as<job::JobId>();
}

void Host::enqueue_many(const std::string& type, int count) {
  database.query("select enqueue($1) from generate_series(1, $2::integer)", {type, count});
}

std::string Host::status(job::JobId id) {
  return database.value("select status from jobs where id = $1", {id});
}

std::string Host::attempts(job::JobId id) {
  return database.value(
      "select string_agg(status || coalesce('/' || error_class, ''), ' ' order by id) "
      "from job_executions where job_queue_id = $1",
      {id});
}

int Host::count(const std::string& from) {
  return std::stoi(database.value("select count(*) from " + from));
}

void Host::await(const std::string& from, int rows) {
  wait_until([&] { return count(from) >= rows; }, fmt::format("{} rows of {}", rows, from));
}

void Host::await_due(job::JobId id) {
  wait_until(
      [&] {
        return database.value(
                   "select scheduled_for <= clock_timestamp() from job_queue "
                   "where id = $1 and status = 'pending'",
                   {id}) == "t";
      },
      fmt::format("job {} to be due", id));
}

void Host::await_lingering(const std::string& name) {
  await(fmt::format("workers where host = '{}' and (lingers or {})", name, pooled()), 1);
}

std::string Host::read(const std::string& name) const {
  std::ifstream file(folder / name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int Host::lines(const std::string& name) const {
  const auto text = read(name);
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

std::string Host::await_line(const std::string& name) const {
  wait_until([&] { return lines(name) > 0; }, "a line in " + name);
  const auto text = read(name);
  return text.substr(0, text.find('\n'));
}

bool alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return false;
  const auto name_end = text.rfind(')');
  return name_end != std::string::npos && text.at(name_end + 2) != 'Z' &&
         text.at(name_end + 2) != 'X';
}

void check_refused(const ProcessResult& end, int exit_code, const std::string& says) {
  CAPTURE(end.err);
  CHECK(end.exit_code == exit_code);
  CHECK(end.out == "");
  CHECK(end.err.starts_with("schedctl: "));
  CHECK(std::count(end.err.begin(), end.err.end(), '\n') == 1);
  CHECK(end.err.ends_with("\n"));
  CHECK(end.err.find(says) != std::string::npos);
}

}  // namespace schedctl::test
