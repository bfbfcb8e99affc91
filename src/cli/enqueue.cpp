// schedctl enqueue TYPE -- hand a job to the queue.
#include "queue/enqueue.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/filters.h"
#include "cli/instant.h"
#include "cli/payload.h"
#include "db/conflict.h"
#include "db/in_doubt.h"
#include "db/transaction.h"
#include "util/text.h"

namespace schedctl::cli {
namespace {

struct Options {
  queue::NewJob job;
  std::string payload = "{}";
  std::optional<std::string> at;
  std::optional<std::string> in;
  std::optional<std::string> expires;
  std::optional<std::string> timeout;
  bool force = false;
};

void require_handler(const std::string& type, const config::Config& config) {
  if (config.handlers.contains(type)) return;
  std::vector<std::string> names;
  for (const auto& [name, handler] : config.handlers) names.push_back(name);
  const auto near = suggestion(type, names);
  throw DataError(fmt::format(
      "no handler \"{}\" in {}: {}use --force if another host handles it", escape_control(type),
      config.file.empty() ? "this configuration" : escape_control(config.file),
      near ? fmt::format("did you mean \"{}\"? Else ", escape_control(*near)) : ""));
}

void read_times(const Options& options, queue::NewJob& job) {
  if (options.at) job.scheduled_for = read_instant("--at", *options.at);
  if (options.in) job.delay = read_duration("--in", *options.in);
  if (options.timeout) job.timeout = read_duration("--timeout", *options.timeout);
  if (!options.expires) return;
  if (is_duration(*options.expires)) {
    job.expires_after = read_duration("--expires", *options.expires);
  } else {
    job.expires_at = read_instant("--expires", *options.expires);
  }
}

void require_texts(const queue::NewJob& job) {
  require_text("job type", job.job_type);
  require_text("--group", job.group_key.value_or(""));
  require_text("--unique", job.unique_key.value_or(""));
}

// Nothing when the answer to the COMMIT was lost and nobody knows how it ended, or when it is known
// to have been undone.
struct Attempt {
  std::optional<queue::StoredJob> stored;
  bool unknown = false;
  job::JobId id = 0;  // that was given to the job
};

Attempt try_to_store(std::optional<db::Connection>& connection, const config::Database& database,
                     const queue::NewJob& job) {
  if (!connection) connection.emplace(database);
  const auto server = connection->server();
  queue::StoredJob stored;
  try {
    db::Transaction tx(*connection);
    stored = queue::enqueue(tx, job);
    tx.commit();
    return {stored};
  } catch (const DatabaseError& error) {
    if (!error.connection_lost() || stored.id == 0) throw;
  }
  connection.reset();
  const auto fate = db::fate_of(stored.transaction, server, database);
  if (fate == db::Fate::committed) return {stored};
  return {{}, fate == db::Fate::unknown, stored.id};
}

// Stores the job and commits. When the answer to that gets lost, the server is asked how it ended;
// if nobody knows, the job is stored again where its unique key makes that safe.
queue::StoredJob store(std::optional<db::Connection> connection, const config::Database& database,
                       const queue::NewJob& job) {
  job::JobId doubtful = 0;
  for (int tries = 1;; ++tries) {
    auto attempt = db::despite_conflicts([&] { return try_to_store(connection, database, job); });
    if (attempt.stored) {
      if (attempt.stored->id == doubtful) attempt.stored->inserted = true;  // it had been stored
      return *attempt.stored;
    }
    if (attempt.unknown && !job.unique_key)
      throw DatabaseError(
          ExitCode::temporary,
          fmt::format("the connection was lost during COMMIT: it is unknown whether job {} was "
                      "stored: look before you enqueue it again, or give --unique",
                      attempt.id),
          "", true);
    if (tries == db::conflict_tries)
      throw DatabaseError(
          ExitCode::temporary,
          fmt::format("the connection was lost during COMMIT, again and again; {}: try again later",
                      doubtful == 0 && !attempt.unknown
                          ? "the job is not stored"
                          : "it is unknown whether the job was stored"),
          "", true);
    if (attempt.unknown) doubtful = attempt.id;
  }
}

ExitCode enqueue(const Options& options, Program& program) {
  queue::NewJob job = options.job;
  const auto& config = program.config();
  if (!options.force) require_handler(job.job_type, config);
  require_texts(job);
  read_times(options, job);

  std::optional<db::Connection> connection;
  job.payload = read_payload(options.payload, [&] {
    connection.emplace(config.database);
    db::Transaction tx(*connection);
    return queue::payload_limit(tx);
  });
  check_payload(job.payload);

  const auto stored = store(std::move(connection), config.database, job);
  program.print(program.json
                    ? fmt::format("{{\"id\":{},\"inserted\":{}}}\n", stored.id, stored.inserted)
                    : fmt::format("{}\n", stored.id));
  return ExitCode::ok;
}

}  // namespace

void add_enqueue(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("enqueue", "Hand a job to the queue and print its id");
  command->add_option("type", options->job.job_type, "Job type: the name of a handler")->required();
  command->add_option("--payload", options->payload, "JSON object, @FILE, or - for standard input")
      ->type_name("JSON");
  auto* at =
      command->add_option("--at", options->at, "Run then: RFC 3339, or local \"2026-11-22 06:12\"")
          ->type_name("TIME");
  command->add_option("--in", options->in, "Run after this long, e.g. 5m")
      ->type_name("DURATION")
      ->excludes(at);
  command->add_option("--priority", options->job.priority, "0 (last) to 100 (first), default 5")
      ->check(whole_number_fault);
  command->add_option("--group", options->job.group_key, "The group that the job belongs to")
      ->type_name("KEY");
  command
      ->add_option("--unique", options->job.unique_key,
                   "While a pending or running job has this key, print its id and store nothing")
      ->type_name("KEY");
  command->add_option("--max-attempts", options->job.max_attempts, "Tries before it is dead")
      ->check(whole_number_fault)
      ->type_name("N");
  command
      ->add_option("--expires", options->expires,
                   "Skip it if not started by then; a duration counts from when it is due")
      ->type_name("TIME|DURATION");
  command->add_option("--timeout", options->timeout, "Limit for one try")->type_name("DURATION");
  command->add_flag("--force", options->force, "Accept a job type that has no handler here");
  command->callback([options, &program] {
    program.action = [options, &program] { return enqueue(*options, program); };
  });
}

}  // namespace schedctl::cli
