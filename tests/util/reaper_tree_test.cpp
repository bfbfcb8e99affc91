// Trees that do not want to end, and owners that end first.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <new>

#include "util/process_tree.h"
#include "util/reaper_support.h"

namespace schedctl {
namespace {

using namespace std::chrono_literals;
using test::command;
using test::Kind;
using test::run;
using test::shell;

struct Fixture {
  Reaper reaper{{}, nullptr, Duration{0}};
};

// Signs in memory that a forked process shares.
class SharedSigns {
 public:
  SharedSigns()
      : memory_(::mmap(nullptr, sizeof(OwnerSigns), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        signs_(new (memory_) OwnerSigns) {}
  ~SharedSigns() { ::munmap(memory_, sizeof(OwnerSigns)); }
  SharedSigns(const SharedSigns&) = delete;
  SharedSigns& operator=(const SharedSigns&) = delete;

  void renew() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    signs_->last_renewal = now.tv_sec * 1'000'000'000LL + now.tv_nsec;
  }
  void notice_loss() { ++signs_->losses_noticed; }
  const OwnerSigns* get() const { return signs_; }

 private:
  void* memory_;
  OwnerSigns* signs_;
};

// The two ends of a session.
struct SocketPair {
  Descriptor own, server;
  SocketPair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    own.reset(ends[0]);
    server.reset(ends[1]);
  }
};

std::vector<pid_t> zombies_of(pid_t parent) {
  std::vector<pid_t> zombies;
  for (const pid_t pid : children_of(parent)) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string content;
    std::getline(file, content);
    if (content.find(") Z ") != std::string::npos) zombies.push_back(pid);
  }
  return zombies;
}

// Runs `script` under an owner process of its own, gives the pids that the script prints on one
// line, and ends the owner by SIGKILL when this object goes.
class OtherOwner {
 public:
  explicit OtherOwner(const std::string& script) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      Reaper reaper({}, nullptr, Duration{0});
      const auto pid = fmt::format("{} ", reaper.pid());
      if (::write(ends[1], pid.data(), pid.size()) < 0) ::_exit(1);
      reaper.run(shell(script), {}, {}, [&](int, std::string_view bytes) {
        if (::write(ends[1], bytes.data(), bytes.size()) < 0) ::_exit(1);
      });
      ::_exit(0);
    }
    ::close(ends[1]);
    char byte = 0;
    std::string line;
    while (::read(ends[0], &byte, 1) == 1 && byte != '\n') line.push_back(byte);
    ::close(ends[0]);
    pids_ = test::numbers(line);
  }
  ~OtherOwner() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    if (!pids_.empty()) ::waitpid(pids_[0], nullptr, 0);  // this process is a subreaper, too
  }
  OtherOwner(const OtherOwner&) = delete;
  OtherOwner& operator=(const OtherOwner&) = delete;

  pid_t pid() const { return pid_; }
  const std::vector<pid_t>& pids() const { return pids_; }  // the reaper first

 private:
  pid_t pid_ = -1;
  std::vector<pid_t> pids_;
};

}  // namespace

TEST_SUITE("util::reaper") {
  TEST_CASE_FIXTURE(Fixture, "a command that ignores TERM is killed when its grace is over") {
    auto spec = shell("trap '' TERM; while :; do sleep 0.01; done");
    spec.timeout = 200ms;
    spec.kill_grace = 200ms;
    const auto ran = run(reaper, spec);
    CHECK(ran.end.kind == Kind::signalled);
    CHECK(ran.end.signal == SIGKILL);
    CHECK(ran.end.timed_out);
    CHECK(ran.took >= 400ms);
    CHECK(ran.took < 900ms);
  }

  TEST_CASE_FIXTURE(Fixture,
                    "a command that ends well within its grace has run out of time all the same") {
    auto spec = shell("trap 'exit 0' TERM; while :; do sleep 0.01; done");
    spec.timeout = 200ms;
    const auto ran = run(reaper, spec);
    CHECK(ran.end.kind == Kind::exited);
    CHECK(ran.end.exit_code == 0);
    CHECK(ran.end.timed_out);
  }

  TEST_CASE_FIXTURE(Fixture, "a command that stopped itself hears the timeout") {
    auto spec = shell("sh -c 'kill -STOP $$; sleep 1000' & kill -STOP 0; sleep 1000");
    spec.timeout = 200ms;
    const auto ran = run(reaper, spec);
    CHECK(ran.end.signal == SIGTERM);
    CHECK(ran.end.timed_out);
    CHECK(ran.took < 700ms);
  }

  TEST_CASE_FIXTURE(Fixture, "whatever left the session and forked twice ends with the command") {
    const test::TemporaryFolder folder;
    auto spec = shell(R"(
      setsid sh -c 'trap "" TERM HUP; sleep 1000 & echo $$ $! > one; wait' &
      (setsid sh -c 'sleep 1000 & echo $! > two; kill -STOP $$' &) &
      until [ -s one ] && [ -s two ]; do :; done; cat one two; exit 4)");
    spec.cwd = folder.path();
    const auto ran = run(reaper, spec);
    CHECK(ran.end.exit_code == 4);
    const auto pids = test::numbers(ran.out);
    CHECK(pids.size() == 3);
    for (const pid_t pid : pids) CHECK_FALSE(test::exists(pid));
    CHECK(children_of(reaper.pid()).empty());
  }

  TEST_CASE_FIXTURE(Fixture, "a grandchild that keeps the pipe open does not hold up the run") {
    const auto ran = run(reaper, shell("sleep 1000 & echo done"));
    CHECK(ran.out == "done\n");
    CHECK(ran.end.exit_code == 0);
    CHECK(ran.took < 1s);
  }

  TEST_CASE_FIXTURE(Fixture, "a tree that forks faster than it is walked is ended") {
    const test::TemporaryFolder folder;
    const auto hopper = folder.file("hopper", "#!/bin/sh\n\"$0\" &\nexit 0\n", 0755);
    const auto ran =
        run(reaper, shell(fmt::format("for i in 1 2 3 4 5 6; do setsid {} & done", hopper)));
    CHECK(ran.end.exit_code == 0);
    CHECK(ran.took < 5s);
    CHECK(children_of(reaper.pid()).empty());
  }

  TEST_CASE_FIXTURE(Fixture, "a fork bomb is ended") {
    if (::geteuid() != 0) return;  // as another user, so that its limit of processes holds
    auto spec = shell("ulimit -p 400 || exit 9; f() { f & f & wait; }; f & exec sleep 1000");
    spec.user = "nobody";
    spec.timeout = 500ms;
    spec.kill_grace = 100ms;
    const auto ran = run(reaper, spec);
    CHECK(ran.end.timed_out);
    CHECK(ran.took < 5s);
    CHECK(children_of(reaper.pid()).empty());
  }

  TEST_CASE_FIXTURE(Fixture, "five hundred dead children leave no zombie") {
    const auto ran = run(reaper, shell("i=0; while [ $i -lt 500 ]; do (sh -c 'exit 0' &); "
                                       "i=$((i+1)); done; echo; exec sleep 0.1"));
    CHECK(ran.end.exit_code == 0);
    CHECK(children_of(reaper.pid()).empty());
    CHECK(zombies_of(::getpid()).empty());
  }

  TEST_CASE_FIXTURE(Fixture, "a command's `kill 0` reaches neither the reaper nor its owner") {
    const auto ran = run(reaper, shell("kill -KILL 0"));
    CHECK(ran.end.signal == SIGKILL);
    CHECK(run(reaper, command({"true"})).end.kind == Kind::exited);
  }

  TEST_CASE("a command that kills its reaper ends with it, and no other place suffers") {
    Reaper hit({}, nullptr, Duration{0}), other({}, nullptr, Duration{0});
    const auto ran = run(hit, shell("setsid sleep 1000 & sleep 1000 & echo $! $(pgrep -P $$ "
                                    "sleep); kill -9 $PPID; sleep 1000"));
    CHECK(ran.end.kind == Kind::reaper_lost);
    CHECK(hit.pid() == -1);
    const auto pids = test::numbers(ran.out);
    CHECK(pids.size() >= 2);
    for (const pid_t pid : pids) CHECK_FALSE(test::exists(pid));
    CHECK(run(hit, command({"true"})).end.kind == Kind::no_resources);
    CHECK(run(other, command({"true"})).end.kind == Kind::exited);
  }

  TEST_CASE_FIXTURE(Fixture, "a command that stops its reaper does not hold up the run") {
    const auto ended = run(reaper, shell("kill -STOP $PPID; exit 3"));
    CHECK(ended.end.kind == Kind::exited);
    CHECK(ended.end.exit_code == 3);

    auto spec = shell("kill -STOP $PPID; while :; do echo; done");
    spec.timeout = 500ms;
    const auto busy = run(reaper, spec);
    CHECK(busy.end.timed_out);
    CHECK(busy.end.signal == SIGTERM);
    CHECK(busy.took < 2s);

    ::kill(reaper.pid(), SIGSTOP);
    CHECK(run(reaper, command({"true"})).end.kind == Kind::exited);
  }

  TEST_CASE_FIXTURE(Fixture, "a reaper that is killed while it waits starts nothing any more") {
    const pid_t pid = reaper.pid();
    ::kill(pid, SIGKILL);
    CHECK(test::ends_within(pid, 5s));
    CHECK(run(reaper, command({"true"})).end.kind == Kind::no_resources);
    CHECK(reaper.pid() == -1);
    CHECK_FALSE(test::exists(pid));
  }

  TEST_CASE_FIXTURE(Fixture, "a stop asks first and kills after the grace") {
    std::stop_source source;
    auto spec = shell("trap 'echo asked' TERM; echo ready; while :; do sleep 0.01; done");
    spec.kill_grace = 200ms;
    std::string out;
    const auto end = reaper.run(spec, source.get_token(), {}, [&](int fd, std::string_view bytes) {
      if (fd == 1) out.append(bytes);
      source.request_stop();
    });
    CHECK(out == "ready\nasked\n");
    CHECK(end.stopped);
    CHECK_FALSE(end.timed_out);
    CHECK(end.signal == SIGKILL);
  }

  TEST_CASE_FIXTURE(Fixture, "a stop that may not wait kills at once") {
    std::stop_source source;
    auto spec = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
    spec.kill_grace = 1h;
    const auto begin = std::chrono::steady_clock::now();
    const auto end = reaper.run(
        spec, source.get_token(), [] { return true; },
        [&](int, std::string_view) { source.request_stop(); });
    CHECK(end.stopped);
    CHECK(end.signal == SIGKILL);
    CHECK(std::chrono::steady_clock::now() - begin < 1s);
  }

  TEST_CASE_FIXTURE(Fixture, "a tree that grows beyond its memory limit is killed") {
    auto spec =
        shell("sh -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" a); sleep 1000'; sleep 1000");
    spec.memory_limit_bytes = 30'000'000;
    spec.timeout = 20s;
    const auto ran = run(reaper, spec);
    CHECK(ran.end.over_memory);
    CHECK_FALSE(ran.end.timed_out);
    CHECK(ran.end.signal == SIGKILL);
    CHECK(ran.end.peak_rss_bytes > 30'000'000);
  }

  TEST_CASE("a lease that is not renewed ends the tree on the reaper's own clock") {
    SharedSigns signs;
    Reaper reaper({}, signs.get(), 300ms);
    CHECK(run(reaper, command({"sleep", "0.8"})).end.exit_code == 0);  // 0: not watched

    signs.renew();
    const auto ran = run(reaper, shell("setsid sleep 1000 & echo $!; trap '' TERM; wait"));
    CHECK(ran.end.kind == Kind::signalled);
    CHECK(ran.end.signal == SIGKILL);
    CHECK(ran.end.stopped);
    CHECK(ran.end.message == "lease not renewed");
    CHECK(ran.took < 900ms);
    for (const pid_t pid : test::numbers(ran.out)) CHECK_FALSE(test::exists(pid));
  }

  TEST_CASE("a session that ends ends the tree, unless the owner notices") {
    SharedSigns signs;
    Reaper reaper({}, signs.get(), 1h);
    SocketPair session;
    REQUIRE(reaper.watch_session(session.own.get()));
    CHECK(run(reaper, command({"sleep", "0.6"})).end.exit_code == 0);

    session.server.reset();
    const auto ran = run(reaper, shell("setsid sleep 1000 & echo $!; trap '' TERM; wait"));
    CHECK(ran.end.signal == SIGKILL);
    CHECK(ran.end.stopped);
    CHECK(ran.end.message == "session lost");
    CHECK(ran.took >= session_patience);
    CHECK(ran.took < session_patience + 300ms);
    for (const pid_t pid : test::numbers(ran.out)) CHECK_FALSE(test::exists(pid));

    SocketPair next;
    REQUIRE(reaper.watch_session(next.own.get()));
    next.server.reset();
    signs.notice_loss();
    CHECK(run(reaper, command({"sleep", "0.6"})).end.exit_code == 0);
  }

  TEST_CASE("a session that begins while a command runs is watched at once") {
    SharedSigns signs;
    Reaper reaper({}, signs.get(), 1h);
    SocketPair first, second;
    REQUIRE(reaper.watch_session(first.own.get()));
    const auto end = reaper.run(shell("echo; exec sleep 1000"), {}, {}, [&](int, std::string_view) {
      // The owner has lost its session, noticed it, and got another one, which is cut.
      first.server.reset();
      signs.notice_loss();
      REQUIRE(reaper.watch_session(second.own.get()));
      second.server.reset();
    });
    CHECK(end.message == "session lost");
  }

  TEST_CASE("an owner that is killed takes its trees along within 0.4 s") {
    std::vector<pid_t> pids;
    {
      const OtherOwner owner(
          "trap '' TERM; setsid sleep 1000 & a=$!; (sleep 1000 & echo $$ $a $!); wait");
      pids = owner.pids();
      REQUIRE(pids.size() == 4);
      const auto begin = std::chrono::steady_clock::now();
      ::kill(owner.pid(), SIGKILL);
      for (const pid_t pid : pids) CHECK(test::ends_within(pid, 400ms));
      CHECK(std::chrono::steady_clock::now() - begin < 400ms);
    }
    for (const pid_t pid : pids) CHECK_FALSE(test::exists(pid));
  }

  TEST_CASE("an owner that is killed takes its trees along, also those of a stopped reaper") {
    const OtherOwner owner("trap '' TERM; setsid sleep 1000 & echo $$ $!; wait");
    const auto pids = owner.pids();
    REQUIRE(pids.size() == 3);
    for (const pid_t pid : {owner.pid(), pids[0]}) ::kill(pid, SIGSTOP);

    ::kill(owner.pid(), SIGKILL);

    for (const pid_t pid : pids) CHECK(test::ends_within(pid, 400ms));
  }
}

}  // namespace schedctl
