// schedctl job ... -- what concerns single jobs.
#include "cli/job.h"

#include <fmt/format.h>

#include "cli/filters.h"
#include "cli/output.h"
#include "db/conflict.h"
#include "queue/refusal.h"
#include "util/text.h"

namespace schedctl::cli {

void add_job(CLI::App& app, Program& program) {
  auto* command = app.add_subcommand("job", "Look at one job; retry and cancel jobs");
  command->require_subcommand(1);
  add_job_show(*command, program);
  add_job_retry(*command, program);
  add_job_cancel(*command, program);
}

ExitCode for_each_job(const std::vector<std::string>& ids, Program& program,
                      const std::function<Answer(db::Transaction&, job::JobId)>& ask) {
  std::vector<job::JobId> jobs;
  jobs.reserve(ids.size());
  for (const auto& id : ids) jobs.push_back(parse_id("ID", id));

  db::Connection connection(program.config().database);
  auto code = ExitCode::ok;
  std::vector<std::string> rows;
  for (const auto job : jobs) {
    try {
      const auto answer = db::despite_conflicts([&] {
        db::Transaction tx(connection, db::autocommit);
        return ask(tx, job);
      });
      rows.push_back(fmt::format(R"({{"id":{},"status":"{}"}})", job, answer.status));
      if (!program.json) program.print(fmt::format("job {} {}\n", job, answer.text));
    } catch (const queue::Refusal& e) {
      code = ExitCode::failed;
      rows.push_back(fmt::format(R"({{"id":{},"error":{}}})", job, json_string(e.what())));
      if (!program.json) program.complain(e.what());
    }
  }
  if (program.json)
    program.print(fmt::format("{{\"schema_version\":1,\"jobs\":{}}}\n", json_array(rows)));
  return code;
}

}  // namespace schedctl::cli
