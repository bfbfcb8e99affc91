// schedctl job show ID -- a job, its attempts and its last log lines.
#include <fmt/format.h>

#include <memory>

#include "cli/executions.h"
#include "cli/filters.h"
#include "cli/job.h"
#include "cli/log_lines.h"
#include "cli/output.h"
#include "db/transaction.h"
#include "observe/job.h"
#include "observe/logs.h"

namespace schedctl::cli {
namespace {

struct Options {
  std::string id;
};

struct Found {
  std::optional<observe::Job> job;
  std::vector<observe::LogLine> lines;
};

Found find(job::JobId id, bool with_lines, Program& program) {
  db::Connection connection(program.config().database);
  db::Transaction tx(connection);
  // One snapshot, so that the job and its attempts agree.
  tx.exec_text("set transaction isolation level repeatable read, read only");
  Found found{observe::job(tx, id), {}};
  if (found.job && with_lines) {
    observe::LogFilter filter;
    filter.job = id;
    filter.limit = 20;
    found.lines = observe::logs(tx, filter);
  }
  tx.commit();
  return found;
}

std::string attempts_of(const observe::Job& job) {
  return job.max_attempts ? fmt::format("{} of {}", job.attempts, *job.max_attempts)
                          : std::to_string(job.attempts);
}

std::string facts(const observe::Job& job) {
  const bool colors = use_colors();
  std::string text;
  const auto fact = [&](const char* name, const std::string& value, Color color = Color::none) {
    if (!value.empty())
      text += fmt::format("{:<14}{}\n", name, paint(one_line(value), color, colors));
  };
  fact("job", fmt::format("{}", job.id));
  fact("type", job.job_type);
  fact("status", job.status, color_of_status(job.status));
  fact("attempts", attempts_of(job));
  fact("priority", job.priority ? std::to_string(*job.priority) : "");
  fact("created", show(job.created_at));
  fact("scheduled for", show(job.scheduled_for));
  fact("slot", job.slot ? show(job.slot) : "");
  fact("group", job.group_key);
  fact("unique key", job.unique_key);
  fact("payload", job.payload);
  fact("error", job.error_message, Color::red);
  return text;
}

std::string page(const Found& found) {
  std::string text = facts(*found.job);
  if (!found.job->executions.empty())
    text += "\nattempts\n" + executions_table(found.job->executions);
  if (!found.lines.empty())
    text += fmt::format("\nlast log lines; more: schedctl logs {}\n", found.job->id) +
            log_lines_text(found.lines);
  return text;
}

ExitCode show_job(const Options& options, Program& program) {
  const auto id = parse_id("ID", options.id);
  const auto found = find(id, !program.json, program);
  if (!found.job)
    throw Error(ExitCode::failed,
                fmt::format("job {}: no such job: it never was, or it was removed", id));

  program.print(program.json
                    ? fmt::format("{{\"schema_version\":1,\"job\":{},\"executions\":{}}}\n",
                                  found.job->json, executions_json(found.job->executions))
                    : page(found));
  return ExitCode::ok;
}

}  // namespace

void add_job_show(CLI::App& app, Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("show", "A job, its attempts and its last log lines");
  command->add_option("id", options->id, "Job id, as printed by \"status\" and \"history\"")
      ->required();
  command->callback([options, &program] {
    program.action = [options, &program] { return show_job(*options, program); };
  });
}

}  // namespace schedctl::cli
