// schedctl test -- does this installation work? Each check says PASS, WARN or FAIL; nothing is left
// behind.
#include <fmt/format.h>
#include <unistd.h>

#include <functional>

#include "cli/commands.h"
#include "cli/programs.h"
#include "db/conninfo.h"
#include "db/examine.h"
#include "db/migrate.h"
#include "handlers/noop.h"
#include "queue/claim.h"
#include "queue/enqueue.h"
#include "queue/settle.h"
#include "queue/worker.h"
#include "run/host_lock.h"
#include "util/private_file.h"
#include "util/reaper.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

using namespace std::chrono_literals;

constexpr const char* cron_path = "/usr/bin:/bin";

enum class Status { pass, warn, fail };

struct Check {
  std::string name;
  Status status;
  std::string detail;
};

const char* word(Status status) {
  return status == Status::pass ? "PASS" : status == Status::warn ? "WARN" : "FAIL";
}

// Enough to see what is wrong.
std::string some_of(std::vector<std::string> names) {
  constexpr std::size_t most = 8;
  const auto more = names.size() > most ? names.size() - most : 0;
  names.resize(names.size() - more);
  const auto text = fmt::format("{}", fmt::join(names, ", "));
  return more == 0 ? text : fmt::format("{} and {} more", text, more);
}

// The checks, in an order in which each may rely on the ones before.
class Examination {
 public:
  explicit Examination(Program& program) : program_(program) {}

  std::vector<Check> run() {
    if (!check("configuration", [this] { return configuration(); })) return std::move(checks_);
    check("programs", [this] { return programs(); });
    check("lock", [this] { return lock(); });
    check("commands", [this] { return commands(); });
    if (!check("database", [this] { return database(); })) return std::move(checks_);
    check("tls", [this] { return tls(); });
    check("clock", [this] { return clock(); });
    if (check("schema", [this] { return schema(); }) &&
        check("rights", [this] { return rights(); }))
      check("round trip", [this] { return round_trip(); });
    return std::move(checks_);
  }

 private:
  bool check(const char* name, const std::function<Check()>& examine) {
    try {
      auto result = examine();
      result.name = name;
      checks_.push_back(std::move(result));
    } catch (const Error& e) {
      checks_.push_back({name, Status::fail, e.what()});
    }
    return checks_.back().status != Status::fail;
  }

  Check configuration() {
    const auto& config = program_.config();
    const auto count = config.handlers.size();
    if (config.file.empty())
      return {"", Status::warn, "no file found; only the handler noop exists"};
    return {"", Status::pass, fmt::format("{}, {} handlers", config.file, count)};
  }

  Check programs() {
    std::string missing, unsafe;
    int commands = 0;
    for (const auto& [name, handler] : program_.config().handlers) {
      const auto* command = std::get_if<config::CommandHandler>(&handler.how);
      if (!command) continue;
      ++commands;
      const auto program = find_program(*command, cron_path);
      if (!program)
        missing +=
            fmt::format("{}{} of handler {}", missing.empty() ? "" : ", ", command->argv[0], name);
      else if (const auto fault = program_fault(*command, *program); !fault.empty())
        unsafe += fmt::format("{}{} of handler {}: {}", unsafe.empty() ? "" : "; ", *program, name,
                              fault);
    }
    if (!unsafe.empty()) return {"", Status::fail, unsafe};
    if (missing.empty())
      return {"", Status::pass, fmt::format("{} command handlers, all found", commands)};
    return {
        "", Status::warn,
        fmt::format("not found under cron's PATH ({}): {}; write full paths", cron_path, missing)};
  }

  // Does not take the lock: a run that starts at this moment would find it held.
  Check lock() {
    const auto& path = program_.config().process.lock_file;
    if (open_private_file(path, Create::no)) return {"", Status::pass, path};
    auto folder = run::folder_of(path);
    while (folder != "/" && access(folder.c_str(), F_OK) != 0) folder = run::folder_of(folder);
    if (access(folder.c_str(), W_OK) == 0)
      return {"", Status::pass, fmt::format("{} will be created", path)};
    return {"", Status::fail,
            fmt::format("{} cannot be created: no right to write {}", path, folder)};
  }

  Check commands() {
    Reaper reaper({}, nullptr, 0ms);
    ProcessSpec spec;
    spec.argv = {"/bin/true"};
    spec.timeout = 5s;
    const auto end = reaper.run(
        spec, {}, [] { return false; }, [](int, std::string_view) {});
    if (end.kind == ProcessEnd::Kind::exited && end.exit_code == 0)
      return {"", Status::pass, "/bin/true runs under a reaper"};
    return {"", Status::fail, fmt::format("/bin/true does not run: {}", end.message)};
  }

  Check database() {
    connection_.emplace(program_.config().database);
    if (connection_->in_recovery())
      return {"", Status::warn, "the server is a standby: schedctl process does nothing there"};
    if (connection_->read_only()) return {"", Status::fail, "the server is read-only"};
    db::Transaction tx(*connection_, db::autocommit);
    const auto row = tx.exec_text(
        "select current_user, current_database(), current_setting('server_version')")[0];
    return {"", Status::pass,
            fmt::format("{} as {}, PostgreSQL {}{}", escape_control(row[1].c_str()),
                        escape_control(row[0].c_str()), row[2].c_str(),
                        program_.config().database.pooled ? ", pooled" : "")};
  }

  Check tls() {
    const auto weak = db::weak_tls(program_.config().database);
    if (weak.empty())
      return {"", Status::pass, "the server is on this machine, or proves who it is"};
    return {"", Status::warn, fmt::format("{}", fmt::join(weak, "; "))};
  }

  Check clock() {
    db::Transaction tx(*connection_, db::autocommit);
    const auto difference = std::chrono::system_clock::now() - tx.now();
    const auto seconds = std::chrono::duration<double>(difference).count();
    const auto detail =
        fmt::format("this host is {:+.3f} s from the database, whose time counts", seconds);
    return {"", std::abs(seconds) > 2 ? Status::warn : Status::pass, detail};
  }

  Check schema() {
    const auto version = db::installed_version(*connection_);
    db::check_version(version, program_.config().database.schema);
    db::Transaction tx(*connection_, db::autocommit);
    if (const auto missing = db::missing_pieces(tx); !missing.empty())
      return {
          "", Status::fail,
          fmt::format("missing, or changed since the last migration: {}: see \"schedctl migrate "
                      "--print\" for how they were made",
                      some_of(missing))};
    return {"", Status::pass,
            fmt::format("{} is at version {}", program_.config().database.schema, version)};
  }

  Check rights() {
    db::Transaction tx(*connection_, db::autocommit);
    const auto missing = db::missing_rights(tx);
    if (missing.empty()) return {"", Status::pass, "all that a run needs"};
    return {"", Status::fail,
            fmt::format("missing: {}: see \"schedctl migrate --roles\"", fmt::join(missing, ", "))};
  }

  // Enqueue, claim, run, complete, all for real, in a transaction that is rolled back.
  Check round_trip() {
    const auto type = "schedctl-test-" + queue::draw_token();
    db::Transaction tx(*connection_);
    queue::NewJob request;
    request.job_type = type;
    const auto job = queue::enqueue(tx, request);
    const auto now = tx.now();
    const auto worker = queue::register_worker(tx, {.host = program_.config().process.host,
                                                    .pid = getpid(),
                                                    .lease = program_.config().recovery.lease,
                                                    .boot_id = "",
                                                    .lock_file = "",
                                                    .version = SCHEDCTL_VERSION,
                                                    .local_address = connection_->local_address(),
                                                    .pooled = program_.config().database.pooled});
    const auto claimed = queue::claim(tx, {.worker = worker,
                                           .now = now,
                                           .token = queue::draw_token(),
                                           .priority = job::default_priority,
                                           .job_types = {type},
                                           .after = {{}},
                                           .limit = 1,
                                           .with_payload = true,
                                           .installation = "test"});
    if (claimed.size() != 1 || claimed[0].claim.id != job.id)
      return {"", Status::fail, "the job was not claimed"};
    handlers::Context context;
    queue::Settled settled{
        claimed[0].claim, handlers::make_noop()->run(claimed[0].claim, context), now, tx.now(), {}};
    if (queue::complete(tx, {settled}, "test").size() != 1)
      return {"", Status::fail, "the outcome was not stored"};
    return {"", Status::pass,
            fmt::format("job {} enqueued, claimed, run and recorded; rolled back", job.id)};
  }

  Program& program_;
  std::vector<Check> checks_;
  std::optional<db::Connection> connection_;
};

ExitCode test(Program& program) {
  const auto checks = Examination(program).run();
  bool failed = false;
  std::string rows;
  for (const auto& check : checks) {
    failed |= check.status == Status::fail;
    if (program.json)
      rows += fmt::format(R"({}{{"name":{},"status":"{}","detail":{}}})", rows.empty() ? "" : ",",
                          json_string(check.name), word(check.status), json_string(check.detail));
    else
      program.print(fmt::format("{}  {:<13}  {}\n", word(check.status), check.name,
                                escape_control(check.detail)));
  }
  if (program.json)
    program.print(fmt::format(R"({{"schema_version":1,"ok":{},"checks":[{}]}})"
                              "\n",
                              !failed, rows));
  return failed ? ExitCode::failed : ExitCode::ok;
}

}  // namespace

void add_test(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("test", "Check this installation without leaving a trace");
  command->callback([&program] { program.action = [&program] { return test(program); }; });
}

}  // namespace schedctl::cli
