#include <doctest/doctest.h>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// Attempts that ended so many days ago, each with a line of output.
void add_history(Host& host, const std::string& status, int days, int count) {
  host.database.query(
      "with made as (insert into job_executions (id, job_type, status, attempt, finished_at) "
      "select nextval('execution_ids'), 'x', $1, 1, now() - $2::int * interval '1 day' "
      "from generate_series(1, $3::int) returning id, finished_at) "
      "insert into job_logs (job_execution_id, timestamp, level, stream, message) "
      "select id, finished_at, 'info', 'stdout', 'line' from made",
      {status, days, count});
}

}  // namespace

TEST_SUITE("e2e::retention [db]") {
  TEST_CASE("a run deletes history that has outlived its retention, in batches") {
    Host host("[retention]\ncompleted = \"2d\"\nfailed = \"4d\"\nlogs = \"3d\"\n");
    add_history(host, "completed", 3, 4500);
    add_history(host, "completed", 1, 10);
    add_history(host, "failed", 3, 20);
    add_history(host, "failed", 5, 30);

    host.tick();

    CHECK(host.count("job_executions where status = 'completed'") == 10);
    CHECK(host.count("job_executions where status = 'failed'") == 20);
    CHECK(host.count("job_logs") == 10);
  }

  TEST_CASE("history is pruned after the work of a run too") {
    Host host;
    add_history(host, "completed", 8, 5);
    host.enqueue("noop");

    host.tick();

    CHECK(host.count("job_executions") == 1);
    CHECK(host.count("job_logs") == 0);
  }

  TEST_CASE("without old history a run deletes nothing and says nothing of it") {
    Host host("[retention]\nlogs = \"30d\"\n");
    add_history(host, "completed", 6, 5);
    add_history(host, "failed", 29, 5);

    const auto run = host.process({"--log-level", "debug"});

    CHECK(run.exit_code == 0);
    CHECK(run.err.find("old history") == std::string::npos);
    CHECK(host.count("job_executions") == 10);
  }
}
