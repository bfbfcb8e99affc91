// What a command gets from the run that starts it, and what it cannot get.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "support/host.h"
#include "util/process_tree.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// Writes down everything that a process inherits. The file of the list is opened by another
// process: the shell would have it, or the ends of a pipe, among its descriptors.
constexpr const char* dump = R"(
(ls -l /proc/$$/fd >open_files)
sed -n 's/.* -> //p' open_files >descriptors
env >environment
grep -E '^Sig(Blk|Ign)|^Cap(Prm|Eff|Amb)' /proc/self/status >signals
{ umask; pwd; ulimit -c; } >rest
cut -d' ' -f7 /proc/$$/stat >terminal
(: </dev/tty) 2>/dev/null && echo opened >>terminal
pid=$$
while [ "$pid" -gt 1 ]; do
  read -r name </proc/$pid/comm
  echo "$name" >>ancestors
  pid=$(cut -d' ' -f4 /proc/$pid/stat)
done
)";

// A shell that has everything that should not be handed on: open files, ignored signals, no mask,
// secrets, and a terminal.
constexpr const char* careless =
    "trap '' INT QUIT HUP USR1 PIPE TSTP; umask 0; ulimit -c unlimited 2>/dev/null\n"
    "exec 7</etc/passwd 8>>\"$D/open\"\n"
    "export PGPASSWORD=canary PGAPPNAME=canary SCHEDCTL_CANARY=canary BASH_ENV=/canary "
    "IFS=canary PYTHONPATH=/canary GIT_SSH=/canary LD_LIBRARY_PATH=/canary\n"
    "exec script -qec '\"$S\" process' /dev/null";

std::set<std::string> names_in(const std::string& environment) {
  std::set<std::string> names;
  std::istringstream lines(environment);
  for (std::string line; std::getline(lines, line);) names.insert(line.substr(0, line.find('=')));
  return names;
}

void add_dump(Host& host, const std::string& keys = "") {
  host.configure(fmt::format(
      "[handler.dump]\ntype = \"command\"\nargv = [\"sh\", \"-c\", '''{}''']\ncwd = \".\"\n{}\n",
      dump, keys));
}

std::string command_line_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// As root, but where the password database is this.
constexpr const char* other_users =
    "exec unshare -m sh -c 'mount --bind \"$D/passwd\" /etc/passwd && mount --bind \"$D/group\" "
    "/etc/group && exec setpriv --groups 4711 \"$S\" process'";

constexpr const char* who_am_i =
    "{ id -u; id -g; id -G; grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|CapAmb):' /proc/$$/status; "
    "} >who 2>&1; setpriv --reuid 0 true 2>>back || setpriv --regid 0 true 2>>back || "
    "setpriv --groups 0 true 2>>back || echo refused >back";

void add_who(Host& host, const std::string& user) {
  host.configure(
      fmt::format("[handler.who]\ntype = \"command\"\nargv = [\"sh\", \"-c\", '''{}''']"
                  "\ncwd = \"{}\"\nuser = \"{}\"\n",
                  who_am_i, host.folder / "theirs", user));
  std::filesystem::create_directory(host.folder / "theirs");
}

std::string error_of(Host& host, job::JobId job) {
  return host.database.value("select error_message from jobs where id = $1", {job});
}

}  // namespace

TEST_SUITE("e2e::inheritance [db]") {
  TEST_CASE("a command inherits three descriptors and what the file lists, nothing of its run") {
    Host host;
    add_dump(host, "env = { MODE = \"fast\" }");
    const auto job =
        host.enqueue("dump", R"({"LD_PRELOAD":"/canary","PATH":"/canary","IFS":"canary",)"
                             R"("a=b":"canary","x\nLD_PRELOAD":"canary"})");

    const auto end = host.shell(careless, {"D=" + host.folder.path(), "LANG=C"});

    CAPTURE(end.out);
    REQUIRE(host.attempts(job) == "completed");
    const auto descriptors = host.read("descriptors");
    CHECK_MESSAGE(host.lines("descriptors") == 3, descriptors);
    CHECK(descriptors.find("memfd:stdin") != std::string::npos);
    CHECK(names_in(host.read("environment")) ==
          std::set<std::string>{"HOME", "LANG", "MODE", "PATH", "PWD", "SCHEDCTL_ATTEMPT",
                                "SCHEDCTL_EXECUTION_ID", "SCHEDCTL_IDEMPOTENCY_KEY",
                                "SCHEDCTL_JOB_ID", "TZ"});
    CHECK(host.read("environment").find("canary") == std::string::npos);
    CHECK(
        host.read("signals").starts_with("SigBlk:\t0000000000000000\n"
                                         "SigIgn:\t0000000000000000\n"));
    CHECK(host.read("rest") == fmt::format("0022\n{}\n0\n", host.folder.path()));
    CHECK(host.read("terminal") == "0\n");
    CHECK(host.read("ancestors").starts_with("sh\nschedctl-reaper\nschedctl\n"));
  }

  TEST_CASE("a command is started as it is, with no shell between, whatever its payload holds") {
    Host host;
    host.configure(
        "[handler.follow]\ntype = \"command\"\ncwd = \".\"\n"
        "argv = [\"tail\", \"-f\", \"/dev/null\", \"--\", \"{payload.x}\"]\n");
    host.enqueue("follow", R"({"x":"; touch canary; `touch canary` $(touch canary) \"' --help"})");
    auto run = host.start_process();

    std::vector<pid_t> commands;
    wait_until(
        [&] {
          commands.clear();
          for (const auto reaper : children_of(run.pid()))
            for (const auto child : children_of(reaper)) commands.push_back(child);
          return commands.size() == 1 && command_line_of(commands[0]).starts_with("tail");
        },
        "the command");

    CHECK(command_line_of(commands[0]) ==
          std::string("tail\0-f\0/dev/null\0--\0", 21) +
              "; touch canary; `touch canary` $(touch canary) \"' --help" + '\0');
    CHECK(children_of(commands[0]).empty());
    CHECK_FALSE(std::filesystem::exists(host.folder / "canary"));
    run.kill(SIGINT);
    run.kill(SIGINT);
  }

  TEST_CASE("a command of another user has that user's groups and rights, and no way back") {
    if (geteuid() != 0) return;  // only root may run commands as others
    Host host;
    add_who(host, "tester");
    REQUIRE(chown((host.folder / "theirs").c_str(), 54321, 54322) == 0);
    host.folder.write("passwd", "root:x:0:0::/root:/bin/sh\ntester:x:54321:54322::/tmp:/bin/sh\n");
    host.folder.write("group",
                      "root:x:0:\ntester:x:54322:\nfirst:x:54323:tester\nsecond:x:54324:root,tester"
                      "\nthird:x:54325:root\nfourth:x:4711:root\n");
    for (const char* file : {"passwd", "group"})
      std::filesystem::permissions(host.folder / file, std::filesystem::perms(0644));
    const auto job = host.enqueue("who");

    const auto end = host.shell(other_users, {"D=" + host.folder.path()});

    CAPTURE(end.err);
    CHECK(end.exit_code == 0);
    REQUIRE(host.attempts(job) == "completed");
    CHECK(host.read("theirs/who") ==
          "54321\n54322\n54322 54323 54324\n"
          "Uid:\t54321\t54321\t54321\t54321\nGid:\t54322\t54322\t54322\t54322\n"
          "Groups:\t54322 54323 54324 \n"
          "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n");
    CHECK(host.read("theirs/back") == "refused\n");
  }

  TEST_CASE("a command whose user cannot be taken on is not started") {
    if (geteuid() != 0) return;
    Host host;
    add_who(host, "nobody");
    std::filesystem::permissions(host.folder / "theirs", std::filesystem::perms(0777));
    host.handler("good", "exit 0");
    const auto without = [&](const std::string& right) {
      const auto job = host.enqueue("who"), good = host.enqueue("good");
      const auto end = host.shell("exec setpriv --bounding-set -" + right + " \"$S\" process");
      CAPTURE(right);
      CHECK(end.exit_code == 0);
      CHECK(host.attempts(job) == "failed/not_startable");
      CHECK(host.status(job) == "failed");
      CHECK(error_of(host, job) == "cannot become user id 65534: Operation not permitted");
      CHECK(host.status(good) == "completed");
    };
    without("setuid");
    without("setgid");

    const auto job = host.enqueue("who");
    const auto state = host.folder / "state";
    REQUIRE(chown(state.c_str(), 54321, 54321) == 0);
    for (const auto& entry : std::filesystem::directory_iterator(state))
      REQUIRE(chown(entry.path().c_str(), 54321, 54321) == 0);
    CHECK(host.shell("exec setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps "
                     "+dac_override --ambient-caps +dac_override \"$S\" process")
              .exit_code == 0);
    CHECK(error_of(host, job) == "user \"nobody\": only root may run a command as another user");
    CHECK_FALSE(std::filesystem::exists(host.folder / "theirs/who"));
  }
}
