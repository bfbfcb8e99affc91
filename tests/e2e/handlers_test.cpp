// What becomes of a job, by what its command does.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <fstream>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

std::string execution(Host& host, const std::string& columns) {
  return host.database.value("select concat_ws(' ', " + columns + ") from job_executions");
}

std::string sha256(const Host& host, const std::string& text) {
  const auto sum = run({"sha256sum", host.folder.write("expected", text)}).out;
  return sum.substr(0, sum.find(' '));
}

// AddressSanitizer keeps freed memory for a while, and shadows of it.
#ifdef __SANITIZE_ADDRESS__
constexpr int largest_peak_kib = 256 * 1024;
#else
constexpr int largest_peak_kib = 64 * 1024;
#endif

int peak_rss_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoi(line.substr(6));
  return -1;
}

}  // namespace

TEST_SUITE("e2e::process [db]") {
  TEST_CASE("a failing job is tried again after its delay, and dead after its last attempt") {
    Host host("[retry]\nmax_retries = 2\nbase_delay = \"300ms\"\njitter = 0.0\n");
    host.handler("bad", "echo attempt $SCHEDCTL_ATTEMPT; exit 3");
    const auto job = host.enqueue("bad");

    CHECK(host.process({"--limit", "1"}).exit_code == 0);
    CHECK(host.attempts(job) == "failed/exit");
    CHECK(host.status(job) == "pending");
    CHECK(host.database.value("select extract(epoch from q.scheduled_for - e.finished_at)::numeric "
                              "between 0.29 and 0.35 from job_queue q "
                              "join job_executions e on e.job_queue_id = q.id") == "t");

    host.await_due(job);
    CHECK(host.process({"--limit", "1"}).exit_code == 0);
    host.await_due(job);
    CHECK(host.process({"--limit", "1"}).exit_code == 0);
    CHECK(host.attempts(job) == "failed/exit failed/exit failed/exit");
    CHECK(host.status(job) == "failed");
    CHECK(host.count("job_executions where exit_code = 3") == 3);
    CHECK(host.count("job_logs where message = 'attempt 3'") == 1);
    host.process();
    CHECK(host.count("job_executions") == 3);
  }

  TEST_CASE("exit codes 75, 65 and 99 snooze, reject and skip a job") {
    Host host;
    host.handler("later", "exit 75", "snooze_delay = \"1h\"");
    host.handler("no", "exit 65");
    host.handler("needless", "exit 99");
    const auto later = host.enqueue("later"), no = host.enqueue("no"),
               needless = host.enqueue("needless");

    CHECK(host.process().exit_code == 0);

    CHECK(host.status(later) == "pending");
    CHECK(host.attempts(later).starts_with("snoozed"));
    CHECK(host.count(
              "job_queue where attempts = 0 and scheduled_for > now() + interval '59 min'") == 1);
    CHECK(host.status(no) == "failed");
    CHECK(host.attempts(no).starts_with("failed"));
    CHECK(host.status(needless) == "skipped");
    CHECK(host.attempts(needless).starts_with("skipped"));
  }

  TEST_CASE("a timeout asks a handler to end, then kills it, and is recorded as timeout") {
    Host host("[retry]\nmax_retries = 0\n");
    host.handler("deaf",
                 "trap 'echo asked >>asked' TERM; echo $$ >deaf.pid\nwhile :; do sleep 0.05; done",
                 "timeout = \"1s\"\nkill_grace = \"1s\"");
    const auto job = host.enqueue("deaf");

    CHECK(host.process().exit_code == 0);

    CHECK(host.status(job) == "timeout");
    CHECK(host.attempts(job) == "timeout/timeout");
    CHECK(host.read("asked") == "asked\n");
    CHECK(!alive(std::stoi(host.await_line("deaf.pid"))));
    CHECK(execution(host, "signal") == "9");
    CHECK(execution(host, "duration_ms between 1950 and 4000") == "t");
  }

  TEST_CASE("a missing program makes a job dead at once, and says which") {
    Host host("[handler.gone]\ntype = \"command\"\nargv = [\"/nowhere/program\"]\n");
    const auto job = host.enqueue("gone");
    const auto good = host.enqueue("noop");

    CHECK(host.process().exit_code == 0);

    CHECK(host.status(job) == "failed");
    CHECK(host.attempts(job) == "failed/not_startable");
    CHECK(host.database.value("select error_message from jobs where id = $1", {job})
              .find("/nowhere/program") != std::string::npos);
    CHECK(host.status(good) == "completed");
  }

  TEST_CASE("the last line of standard output is the result when it is a JSON object") {
    Host host;
    host.handler("counts",
                 "echo '{\"n\":1}'; echo working; echo '{\"n\":2}'; echo '{\"n\":3}' >&2");
    host.handler("talks", "echo '{\"n\":1}'; echo bye");
    const auto counts = host.enqueue("counts"), talks = host.enqueue("talks");

    host.tick();

    const std::string result = "select result::text from job_executions where job_queue_id = $1";
    CHECK(host.database.value(result, {counts}) == "{\"n\": 2}");
    CHECK(host.database.value(result, {talks}) == "");
  }

  TEST_CASE("log lines can be read while the handler still runs") {
    Host host;
    host.handler("talks", "echo begun; while [ ! -e go ]; do sleep 0.01; done; echo ended");
    host.enqueue("talks");
    auto run = host.start_process();

    host.await("job_logs where message = 'begun'", 1);

    CHECK(run.running());
    CHECK(host.count("job_logs where message = 'ended'") == 0);
    host.folder.write("go", "");
    CHECK(run.wait().exit_code == 0);
    CHECK(host.count("job_logs where message = 'ended'") == 1);
  }

  TEST_CASE("1 GB without a line end is kept within its limit, and in little memory") {
    Host host;
    host.handler("flood",
                 "head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo done >&2; echo x >flooded\n"
                 "while [ ! -e go ]; do sleep 0.01; done");
    host.enqueue("flood");
    auto run = host.start_process();
    wait_until([&] { return host.lines("flooded") == 1; }, "the flood to end", 60s);
    const auto peak = peak_rss_kib(run.pid());
    host.folder.write("go", "");
    CHECK(run.wait().exit_code == 0);

    CHECK(peak > 0);
    CHECK(peak < largest_peak_kib);
    CHECK(host.count("job_executions where status = 'completed'") == 1);
    CHECK(host.database.value("select string_agg(message, ',') from job_logs "
                              "where stream = 'schedctl'") ==
          fmt::format("… {} bytes of 1000000006 cut …", 1000000006 - 256 * 1024));
    CHECK(host.count("job_logs where message = 'done'") == 1);
    CHECK(std::stoi(host.database.value("select sum(octet_length(message)) from job_logs")) <
          512 * 1024);
  }

  TEST_CASE("ten million short lines are kept within their limit, and in little memory") {
    Host host;
    host.handler("flood",
                 "yes | head -n 10000000; echo x >flooded\n"
                 "while [ ! -e go ]; do sleep 0.01; done");
    host.enqueue("flood");
    auto run = host.start_process();
    wait_until([&] { return host.lines("flooded") == 1; }, "the flood to end", 60s);
    host.folder.write("go", "");
    wait_until([&] { return host.count("job_executions") == 1; }, "the lines to be stored", 60s);
    const auto peak = peak_rss_kib(run.pid());
    CHECK(run.wait().exit_code == 0);

    CHECK(peak < largest_peak_kib);
    CHECK(host.count("job_executions where status = 'completed'") == 1);
    CHECK(host.count("job_logs where stream = 'stdout' and message = 'y'") == 256 * 1024 / 2);
    CHECK(host.database.value("select string_agg(message, ',') from job_logs "
                              "where stream <> 'stdout'") ==
          fmt::format("… {} bytes of 20000000 cut …", 20000000 - 256 * 1024));
  }

  TEST_CASE("a handler that never reads its large payload but floods its output comes to its end") {
    Host host;
    host.handler("deaf", "head -c 5000000 /dev/zero | tr '\\0' x | fold -w 100");
    const auto job = host.enqueue("deaf", "{\"text\":\"" + std::string(1'000'000, 'p') + "\"}");
    CHECK(host.process().exit_code == 0);
    CHECK(host.status(job) == "completed");
  }

  TEST_CASE("a payload of 1 MB arrives byte for byte") {
    Host host;
    host.handler("sum", "sha256sum | cut -d' ' -f1 >sum");
    std::string payload = "{ \"b\" : 1.50,\t\"a\":\"";
    while (payload.size() < 1'000'000) payload += fmt::format("\\u00e4 ü {} ", payload.size());
    payload += "\",\"a\":2}";
    host.enqueue("sum", payload);

    host.tick();

    CHECK(host.read("sum") == sha256(host, payload) + "\n");
  }

  TEST_CASE("a number of 30 digits arrives exactly, as payload and as argument") {
    Host host;
    const auto script = host.folder.write("number.sh", "cat >payload; echo \"$1\" >argument\n");
    host.configure("[handler.number]\ntype = \"command\"\ncwd = \".\"\nargv = [\"sh\", \"" +
                   script + "\", \"{payload.n}\"]\n");
    host.enqueue("number", "{\"n\":123456789012345678901234567890}");

    host.tick();

    CHECK(host.read("payload") == "{\"n\":123456789012345678901234567890}");
    CHECK(host.read("argument") == "123456789012345678901234567890\n");
  }
}
