#include "chaos/journal.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "support/process.h"

using namespace schedctl::chaos;
using schedctl::test::TempDir;
using namespace std::chrono_literals;

namespace {

using Kind = Record::Kind;

std::vector<Kind> kinds_in(const TempDir& folder) {
  std::vector<Kind> kinds;
  for (const auto& record : read_journal(folder.path())) kinds.push_back(record.kind);
  return kinds;
}

using Kinds = std::vector<Kind>;

// A process that writes as fast as it can until it is killed.
pid_t fork_writer(const std::string& folder) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (std::int64_t execution = 1;; ++execution) {
    Record record;
    record.process = own_process();
    record.execution = execution;
    Ledger ledger(folder);
    ledger.sweep();
    ledger.enter(record);
  }
}

}  // namespace

TEST_SUITE("chaos::journal") {
  TEST_CASE("a record is one line of fixed length and comes back as it was") {
    Record record;
    record.kind = Kind::end;
    record.at_ns = 123;
    record.process = {4711, 99};
    record.run = 12;
    record.job = 1LL << 60;
    record.execution = 7;
    record.attempt = 3;
    record.exit_code = 75;
    record.host = "host-1";
    record.name = "plain";
    record.key = "0b9c-1-2";
    const auto line = to_line(record);

    CHECK(line.size() == line_bytes);
    CHECK(line.find('\n') == line_bytes - 1);
    CHECK(to_line(from_line(line)) == line);
    CHECK(from_line(line).group == "");
    CHECK(from_line(line).job == 1LL << 60);
  }

  TEST_CASE("what is no record is refused") {
    CHECK_THROWS(from_line(""));
    CHECK_THROWS(from_line("begin 1 2 3 4 5 6 7 8 - - - -"));
    CHECK_THROWS(from_line("start 1 2 3 4 5 6 7 8 - - -"));
    CHECK_THROWS(from_line("start 1 2 3 4 5 6 7 8 - - - - -"));
    Record record;
    record.key = std::string(line_bytes, 'x');
    CHECK_THROWS(to_line(record));
  }

  TEST_CASE("a process is alive until it is a zombie, and only under its own start time") {
    const auto self = own_process();
    CHECK(alive(self));
    CHECK_FALSE(alive({self.pid, self.ticks + 1}));
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    const auto stat = schedctl::test::run(
        {"cut", "-d", " ", "-f", "22", "/proc/" + std::to_string(child) + "/stat"});
    const ProcessId process{child, std::stoull(stat.out)};
    CHECK(alive(process));
    kill(child, SIGKILL);
    schedctl::test::wait_until([&] { return !alive(process); }, "a zombie");
    waitpid(child, nullptr, 0);
    CHECK_FALSE(alive(process));
  }

  TEST_CASE("whoever sweeps finds the dead, once, and leaves the living on the roster") {
    const TempDir folder;
    Record living, dead;
    living.process = own_process();
    dead.process = {living.process.pid, living.process.ticks - 1};
    dead.execution = 5;
    {
      Ledger ledger(folder.path());
      ledger.enter(dead);
      ledger.enter(living);
      ledger.sweep();
      ledger.sweep();
      CHECK(ledger.roster().size() == 1);
      ledger.enter(dead);  // takes the free place
      CHECK(ledger.roster().size() == 2);
    }
    CHECK(kinds_in(folder) == Kinds{Kind::start, Kind::start, Kind::gone, Kind::start});
    CHECK(read_journal(folder.path())[2].execution == 5);
    CHECK(read_journal(folder.path())[2].process == dead.process);
  }

  TEST_CASE("a writer that is killed at any point leaves whole lines and a free lock") {
    const TempDir folder;
    for (int round = 0; round < 20; ++round) {
      const auto before = kinds_in(folder).size();
      const pid_t writer = fork_writer(folder.path());
      schedctl::test::wait_until([&] { return kinds_in(folder).size() > before + 20; }, "lines");
      kill(writer, SIGKILL);
      waitpid(writer, nullptr, 0);
    }
    Ledger ledger(folder.path());
    ledger.sweep();
    CHECK(ledger.roster().empty());
  }
}
