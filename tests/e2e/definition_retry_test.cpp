// How a definition has its jobs retried.
#include <doctest/doctest.h>

#include "support/host.h"

using namespace schedctl::test;

TEST_SUITE("e2e::definition_retry [db]") {
  TEST_CASE(
      "a failed job of a definition waits as its definition says, and ends after its retries") {
    Host host;
    host.handler("fails", "exit 3", "base_delay = \"1h\"\nmax_retries = 9\njitter = 0");
    host.configure(
        "[job.n]\nhandler = \"fails\"\nevery = \"1h\"\nfirst_run = \"now\"\ntimezone = \"UTC\"\n"
        "max_retries = 1\nbackoff = [\"20m\"]\n");

    host.tick();

    CHECK(host.database.value("select (extract(epoch from q.scheduled_for - e.finished_at) / "
                              "60)::integer from job_queue q join job_executions e "
                              "on e.job_queue_id = q.id") == "20");
    host.database.query("update job_queue set scheduled_for = now()");
    host.tick();
    CHECK(host.database.value("select status from job_queue") == "failed");
    CHECK(host.count("job_executions") == 2);
  }
}
