#include "chaos/arena.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>

#include "util/error.h"

namespace schedctl::chaos {
namespace {

using namespace std::chrono_literals;

constexpr int max_retries = 2;
constexpr int max_interruptions = 6;
constexpr int type_limit = 3;

// Impatient, so that as much as possible happens within two minutes; but for the lease, which is as
// short as it may be.
std::string settings() {
  return fmt::format(R"(
[process]
max_concurrent_jobs = 3
max_runtime = "2s"
poll_interval = "500ms"
shutdown_grace = "400ms"
shutdown_force = "400ms"
[retry]
max_retries = {}
base_delay = "100ms"
multiplier = 1.0
[recovery]
lease = "15s"
max_interruptions = {}
[log]
level = "info"
)",
                     max_retries, max_interruptions);
}

std::string witness(const std::string& type, const std::string& folder, const std::string& more) {
  return fmt::format(R"(
[handler.{0}]
type = "command"
argv = ["{1}", "{2}", "{0}", "{{payload.plan}}"]
cwd = "{2}"
env = ["CHAOS_HOST"]
kill_grace = "300ms"
snooze_delay = "200ms"
{3}
)",
                     type, SCHEDCTL_WITNESS, folder, more);
}

std::string effect() {
  return R"toml(
[handler.effect]
type = "sql"
statement = """
insert into public.effects (job, execution)
select current_setting('schedctl.job_id')::bigint, current_setting('schedctl.execution_id')::bigint
  from pg_sleep(($1::jsonb ->> 'seconds')::double precision)"""
)toml";
}

}  // namespace

Arena::Arena() {
  database_.url = server_.url();
  database_.origin = "test";
  folder_.write("schedctl.toml", fmt::format("[database]\nurl = \"{}\"\n", server_.url()) +
                                     settings() + witness("plain", folder(), "") +
                                     witness("limited", folder(),
                                             fmt::format("concurrency_limit = {}", type_limit)) +
                                     effect());
  for (int host = 0; host < hosts; ++host) std::filesystem::create_directory(state_of(host));
  server_.query("create table public.effects (job bigint, execution bigint)");
  const auto migrated = start(0, {"migrate"}).wait();
  REQUIRE_MESSAGE(migrated.exit_code == 0, migrated.err);
}

std::string Arena::state_of(int host) const { return folder_ / fmt::format("state-{}", host); }

// The folder is in the arguments too, where everybody can see it.
test::Process Arena::start(int host, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {test::binary(), "--config", folder_ / "schedctl.toml"});
  const auto name = fmt::format("host-{}", host);
  test::ProcessOptions options;
  options.env = {"SCHEDCTL_STATE_DIR=" + state_of(host), "SCHEDCTL_HOST=" + name,
                 "CHAOS_HOST=" + name, "SCHEDULER_LOG_FILE=" + (folder_ / (name + ".log")),
                 "TZ=UTC"};
  return test::start(arguments, options);
}

std::optional<db::Result> Arena::ask(const std::string& sql, const std::vector<db::Param>& params) {
  try {
    if (!connection_) connection_.emplace(database_, db::Session::control);
    db::Transaction tx(*connection_);
    auto result = tx.exec_text(sql, params);
    tx.commit();
    return result;
  } catch (const DatabaseError& e) {
    REQUIRE_MESSAGE(e.transient(), e.what());
    connection_.reset();
    return std::nullopt;
  }
}

db::Result Arena::insist(const std::string& sql, const std::vector<db::Param>& params) {
  std::optional<db::Result> result;
  test::wait_until([&] { return (result = ask(sql, params)).has_value(); }, "an answer: " + sql);
  return *result;
}

History Arena::history() {
  History history;
  history.bounds = {max_retries + 1, max_interruptions, {{"limited", type_limit}}};
  history.witnessed = {"plain", "limited"};
  history.effective = {"effect"};
  history.journal = read_journal(folder());
  history.queue = queue();
  history.executions = executions();
  for (const auto& row : insist("select job, execution from public.effects"))
    history.effects.push_back({row[0].as<JobId>(), row[1].as<ExecutionId>()});
  for (const auto& row :
       insist("select job_id, count(*) from audit_log where action = 'retry' group by job_id"))
    history.retries[row[0].as<JobId>()] = row[1].as<int>();
  return history;
}

std::vector<QueueRow> Arena::queue() {
  std::vector<QueueRow> rows;
  for (const auto& row : insist("select id, status, coalesce(error_message, '') <> '' or "
                                "cancel_requested_at is not null from job_queue"))
    rows.push_back({row[0].as<JobId>(), row[1].c_str(), row[2].as<bool>()});
  return rows;
}

std::vector<ExecutionRow> Arena::executions() {
  std::vector<ExecutionRow> rows;
  for (const auto& row :
       insist("select id, job_queue_id, job_type, attempt, status, started_at is not null, "
              "finished_at is not null, coalesce(error_class, '') <> '' and "
              "coalesce(error_message, '') <> '' from job_executions order by id"))
    rows.push_back({row[0].as<ExecutionId>(), row[1].as<JobId>(), row[2].c_str(), row[3].as<int>(),
                    row[4].c_str(), row[5].as<bool>(), row[6].as<bool>(), row[7].as<bool>()});
  return rows;
}

std::string Arena::keep(std::uint64_t seed) const {
  const auto to = std::filesystem::temp_directory_path() / fmt::format("schedctl-chaos-{}", seed);
  std::filesystem::remove_all(to);
  std::filesystem::copy(folder(), to, std::filesystem::copy_options::recursive);
  return to.string();
}

}  // namespace schedctl::chaos
