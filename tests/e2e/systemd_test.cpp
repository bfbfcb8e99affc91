// The units under a real systemd: hardened as they are, a job set runs, is supervised and stopped.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include "support/booted.h"
#include "support/private_cron.h"
#include "support/server.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

constexpr const char* state = "/var/lib/schedctl/worker";

struct System {
  Server server;
  Booted booted{fmt::format(R"([database]
url = "{}"
[process]
shutdown_grace = "20s"
max_concurrent_jobs = 4
[handler.who]
type = "command"
argv = ["sh", "-c", "id -un; nice"]
nice = 5
cpu_limit = "5s"
memory_limit = "512MB"
[handler.orphan]
type = "command"
argv = ["sh", "-c", "setsid sh -c 'setsid sleep 1000 & sleep 1000 & wait' & sleep 0.2"]
[handler.outside]
type = "command"
argv = ["sh", "-c", "touch /etc/outside /home/outside; ls /proc/1/fd; sudo -n true; exit 1"]
[handler.wait]
type = "command"
argv = ["sh", "-c", "while ! [ -e {}/go ]; do sleep 0.1; done"]
[handler.long]
type = "command"
argv = ["sh", "-c", "sleep 2000 & wait"]
[handler.stubborn]
type = "command"
argv = ["sh", "-c", "id -un; trap '' TERM; sleep 3000"]
user = "daemon"
timeout = "1s"
kill_grace = "100ms"
[handler.rows]
type = "sql"
statement = "select jsonb_build_object('rows', count(*)) from schedctl.jobs"
[retry]
max_retries = 0
)",
                            server.url(), state)};

  System() { booted.value("schedctl migrate"); }

  std::string enqueue(const std::string& type) const {
    return server.value(fmt::format("select schedctl.enqueue('{}')", type));
  }
  std::string status(const std::string& id) const {
    return server.value("select status from schedctl.jobs where id = " + id);
  }
  std::string output(const std::string& id) const {
    return server.value(
        "select coalesce(string_agg(l.message, ' ' order by l.id), '') from schedctl.job_logs l "
        "join schedctl.job_executions e on e.id = l.job_execution_id where e.job_queue_id = " +
        id);
  }
  void await(const std::string& id, const std::string& wanted) const {
    wait_until([&] { return status(id) == wanted; }, fmt::format("job {} to be {}", id, wanted),
               90s, 100ms);
  }
  // Processes of the container with this command line.
  std::string processes(const std::string& command_line) const {
    return booted.value("pgrep -fc '" + command_line + "' || true");
  }
};

void check_job_set(const System& system) {
  const auto who = system.enqueue("who"), orphan = system.enqueue("orphan"),
             outside = system.enqueue("outside"), rows = system.enqueue("rows"),
             noop = system.enqueue("noop");

  const auto run = system.booted.run("systemctl start schedctl.service");

  CHECK(run.exit_code == 0);
  CHECK(system.status(who) == "completed");
  CHECK(system.output(who) == "schedctl 5");
  CHECK(system.status(orphan) == "completed");
  CHECK(system.processes("^sleep 1000") == "0");
  CHECK(system.status(rows) == "completed");
  CHECK(system.status(noop) == "completed");
  CHECK(system.status(outside) == "failed");
  CHECK(system.output(outside).find("touch: cannot touch '/etc/outside': Read-only") !=
        std::string::npos);
  CHECK(system.output(outside).find("touch: cannot touch '/home/outside': Read-only") !=
        std::string::npos);
  CHECK(system.output(outside).find("/proc/1/fd") != std::string::npos);
  CHECK(system.booted.value("journalctl -q -o cat -u schedctl _COMM=schedctl") == "");
  // A shell of the same user finds the same lock.
  CHECK(system.booted.value("runuser -u schedctl -- schedctl config show | grep lock_file")
            .find(std::string(state) + "/.local/state/schedctl/process-") != std::string::npos);
}

void check_timer(const System& system) {
  const auto id = system.enqueue("who");
  system.booted.value("systemctl enable --now schedctl.timer schedctl-cleanup.timer 2>&1");
  system.await(id, "completed");
  CHECK(system.server.value("select extract(second from started_at) < 30 from "
                            "schedctl.executions where job_queue_id = " +
                            id) == "t");
  system.booted.value("systemctl disable --now schedctl.timer schedctl-cleanup.timer 2>&1");
}

void check_long_jobs_hold_nothing_up(const System& system) {
  const auto waiting = system.enqueue("wait");
  system.booted.value("systemctl start --no-block schedctl.service");
  system.await(waiting, "running");
  const auto later = system.enqueue("who");
  system.await(later, "completed");

  // A stop lets what runs come to its end, and is no failure.
  system.booted.value("systemctl stop --no-block schedctl.service");
  system.booted.await("systemctl is-active schedctl.service | grep -q deactivating");
  const auto refused = system.enqueue("who");
  system.booted.value(fmt::format("touch {}/go", state));
  system.await(waiting, "completed");
  system.booted.await("systemctl is-active schedctl.service | grep -q inactive");
  CHECK(system.booted.value("systemctl show -P Result schedctl.service") == "success");
  CHECK(system.booted.value("systemctl show -P ExecMainStatus schedctl.service") == "143");
  CHECK(system.status(refused) == "pending");
}

void check_killed_run(const System& system) {
  const auto id = system.enqueue("long");
  system.booted.value("systemctl start --no-block schedctl.service");
  system.await(id, "running");
  system.booted.await("pgrep -f '^sleep 2000'");

  system.booted.value("systemctl kill --signal=KILL --kill-who=main schedctl.service");

  system.booted.await("! pgrep -f '^sleep 2000'", 5s);
  system.booted.await("systemctl is-active schedctl.service | grep -q failed");
  system.server.value("select schedctl.cancel(" + id + ", 'enough')");
  const auto cleanup = system.booted.run("systemctl start schedctl-cleanup.service");
  CHECK_MESSAGE(cleanup.exit_code == 0, cleanup.err);
  CHECK(system.status(id) != "running");
}

void check_units_of_setup_cron(const System& system) {
  const auto& booted = system.booted;
  const auto made = booted.run("cd / && schedctl setup-cron --every 1m --systemd");
  CHECK(made.err == "");
  CHECK(made.exit_code == 0);
  CHECK(made.out.find("systemd does not run here") == std::string::npos);
  CHECK(booted.value("systemctl is-active schedctl.timer schedctl-cleanup.timer") ==
        "active\nactive");
  CHECK(booted.value("systemctl show -P FragmentPath schedctl.service") ==
        "/etc/systemd/system/schedctl.service");

  const auto stubborn = system.enqueue("stubborn");
  booted.run("systemctl start schedctl.service");
  CHECK(system.status(stubborn) == "timeout");
  CHECK(system.output(stubborn) == "daemon");
  CHECK(system.processes("^sleep 3000") == "0");
  CHECK(booted.value("ls /run/schedctl").find("process-") != std::string::npos);

  CHECK(booted.run("schedctl setup-cron --every 1m --systemd").out.find("written") ==
        std::string::npos);
  CHECK(booted.run("schedctl setup-cron --remove --systemd").exit_code == 0);
  CHECK(booted.run("systemctl is-active schedctl.timer").out == "inactive\n");
  CHECK(booted.value("ls /etc/systemd/system").find("schedctl") == std::string::npos);
}

}  // namespace

TEST_SUITE("systemd::units") {
  TEST_CASE("under the shipped units jobs run, are supervised, and are stopped with grace") {
    if (!may_mount()) return;
    const System system;
    check_job_set(system);
    check_long_jobs_hold_nothing_up(system);
    check_killed_run(system);
    check_timer(system);
    check_units_of_setup_cron(system);
  }
}
