#include "util/reaper.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <stdexcept>

#include "util/process_tree.h"
#include "util/reaper_support.h"

namespace schedctl {
namespace {

using namespace std::chrono_literals;
using test::command;
using test::Kind;
using test::run;
using test::shell;

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    count += !entry.path().empty();
  return count;
}

struct Fixture {
  Reaper reaper{{}, nullptr, Duration{0}};
};

}  // namespace

TEST_SUITE("util::reaper") {
  TEST_CASE_FIXTURE(Fixture, "each exit code is told as it is") {
    for (const int code : {0, 1, 75, 126, 127, 255}) {
      CAPTURE(code);
      const auto ran = run(reaper, shell(fmt::format("exit {}", code)));
      CHECK(ran.end.kind == Kind::exited);
      CHECK(ran.end.exit_code == code);
      CHECK_FALSE(ran.end.timed_out);
      CHECK_FALSE(ran.end.stopped);
    }
  }

  TEST_CASE_FIXTURE(Fixture, "each deadly signal is told as it is") {
    for (const int signal : {SIGHUP, SIGINT, SIGABRT, SIGKILL, SIGSEGV, SIGPIPE, SIGTERM, 40}) {
      CAPTURE(signal);
      const auto ran = run(reaper, shell(fmt::format("kill -{} $$", signal)));
      CHECK(ran.end.kind == Kind::signalled);
      CHECK(ran.end.signal == signal);
    }
  }

  TEST_CASE_FIXTURE(Fixture, "a command that cannot be started says why, and the next one runs") {
    const test::TemporaryFolder folder;
    const struct {
      std::vector<std::string> argv;
      std::string message;
    } cases[] = {
        {{"news-events"}, "no such program: news-events (PATH=/usr/local/bin:/usr/bin:/bin)"},
        {{"/nowhere/news-events"}, "no such program: /nowhere/news-events"},
        {{folder.file("plain", "exit 0\n", 0755)}, "not a program: " + folder.path() + "/plain"},
        {{folder.file("dark", "#!/bin/sh\n", 0644)}, "cannot run " + folder.path() + "/dark"},
        {{folder.file("lost", "#!/nowhere/sh\n", 0755)}, "the interpreter of " + folder.path()},
        {{folder.path()}, "is a folder, not a program: " + folder.path()},
        {{"/bin/echo", std::string("a\0b", 3)}, "an argument holds a NUL"},
        {{""}, "no program is named"},
        {{}, "no program is named"},
    };
    for (const auto& [argv, message] : cases) {
      CAPTURE(message);
      const auto ran = run(reaper, command(argv));
      CHECK(ran.end.kind == Kind::not_startable);
      CHECK_MESSAGE(ran.end.message.starts_with(message), ran.end.message);
      CHECK(run(reaper, command({"true"})).end.kind == Kind::exited);
    }
  }

  TEST_CASE_FIXTURE(Fixture, "a missing folder or user keeps the command from starting") {
    auto lost = command({"true"});
    lost.cwd = "/nowhere";
    CHECK(run(reaper, lost).end.message ==
          "cannot enter the folder /nowhere: No such file or directory");
    auto nobody = command({"true"});
    nobody.user = "no-such-user";
    const auto ran = run(reaper, nobody);
    CHECK(ran.end.kind == Kind::not_startable);
    CHECK(holds(ran.end.message, "no-such-user\": only root") !=
          holds(ran.end.message, "no such user: no-such-user"));
  }

  TEST_CASE_FIXTURE(Fixture, "the program is looked up in the command's own PATH") {
    const test::TemporaryFolder folder;
    folder.file("greet", "#!/bin/sh\necho hello $1\n", 0755);
    auto spec = command({"greet", "a  b"});
    spec.env = {"PATH=/nowhere:" + folder.path()};
    CHECK(run(reaper, spec).out == "hello a b\n");
    spec.env = {"PATH=/nowhere:"};
    spec.cwd = folder.path();
    CHECK(run(reaper, spec).out == "hello a b\n");
  }

  TEST_CASE_FIXTURE(Fixture, "16 MB on stdin arrive byte for byte, then the file ends") {
    std::string data(16 << 20, '\0');
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = static_cast<char>(i * 2654435761U >> 13);
    auto spec = command({"cat"});
    spec.stdin_data = data;
    const auto ran = run(reaper, spec);
    CHECK(ran.end.exit_code == 0);
    CHECK((ran.out == data));
    CHECK(run(reaper, command({"cat"})).out.empty());
  }

  TEST_CASE_FIXTURE(Fixture,
                    "stdin that is closed at once or never read does not disturb the run") {
    auto spec = shell("exec <&-; head -c 20000000 /dev/zero; head -c 1000 /dev/zero >&2; exit 3");
    spec.stdin_data.assign(4 << 20, 'x');
    const auto ran = run(reaper, spec);
    CHECK(ran.end.exit_code == 3);
    CHECK(ran.out.size() == 20'000'000);
    CHECK(ran.err.size() == 1000);
  }

  TEST_CASE("a command inherits its three descriptors and its own environment, nothing else") {
    const int leak = ::open("/dev/null", O_RDONLY);  // on purpose without O_CLOEXEC
    const int kept = ::open("/dev/null", O_RDONLY);
    const auto old_mask = ::umask(0);
    ::signal(SIGUSR2, SIG_IGN);
    sigset_t blocked, before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &blocked, &before);
    Reaper reaper({kept}, nullptr, Duration{0});

    auto spec = shell(
        "ls /proc/$$/fd; /usr/bin/env; umask >&2; pwd >&2; ulimit -c >&2; nice >&2; cut -d' ' -f "
        "5-7 /proc/$$/stat >&2; echo $$ >&2");
    spec.cwd = "/usr";
    spec.umask = 027;
    spec.nice = 5;
    const auto ran = run(reaper, spec);

    CHECK(ran.out == "0\n1\n2\nPATH=/usr/local/bin:/usr/bin:/bin\nPWD=/usr\n");
    const auto words = ran.err;
    const auto pid = words.substr(words.rfind('\n', words.size() - 2) + 1);
    const auto id = pid.substr(0, pid.size() - 1);
    CHECK(words == fmt::format("0027\n/usr\n0\n5\n{0} {0} 0\n{0}\n", id));
    const auto signals = run(reaper, command({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}));
    CHECK(signals.out == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::signal(SIGUSR2, SIG_DFL);
    ::umask(old_mask);
    ::close(leak);
    ::close(kept);
  }

  TEST_CASE_FIXTURE(Fixture, "a command of another user is that user for good") {
    if (::geteuid() != 0) return;
    auto spec = shell("id -u; id -g; grep -E '^(Uid|Gid|Groups)' /proc/$$/status >/dev/stdout");
    spec.user = "nobody";
    const auto ran = run(reaper, spec);
    CHECK(ran.err == "");
    CHECK(
        ran.out.starts_with("65534\n65534\nUid:\t65534\t65534\t65534\t65534\n"
                            "Gid:\t65534\t65534\t65534\t65534\nGroups:\t65534"));
  }

  TEST_CASE_FIXTURE(Fixture, "CPU time and memory of the command and its children are counted") {
    const auto ran =
        run(reaper, shell("sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'"));
    CHECK(ran.end.cpu_ms > 5);
    CHECK(ran.end.peak_rss_bytes > 500'000);
  }

  TEST_CASE_FIXTURE(Fixture, "the CPU limit ends a busy command") {
    auto spec = shell("while :; do :; done");
    spec.cpu_limit = 1s;
    spec.timeout = 20s;
    const auto ran = run(reaper, spec);
    CHECK(ran.end.signal == SIGXCPU);
    CHECK_FALSE(ran.end.timed_out);
  }

  TEST_CASE_FIXTURE(Fixture, "two hundred runs leave no descriptor and no process behind") {
    run(reaper, command({"true"}));
    const auto before = open_descriptors();
    for (int i = 0; i < 200; ++i) {
      auto spec = i % 2 == 0 ? command({"cat"}) : command({"/nowhere"});
      spec.stdin_data = "x";
      std::stop_source source;
      run(reaper, spec, source.get_token());
    }
    CHECK(open_descriptors() == before);
    CHECK(children_of(reaper.pid()).empty());
  }

  TEST_CASE_FIXTURE(Fixture,
                    "the place's lock is held until the tree is gone, also without its owner") {
    const test::TemporaryFolder folder;
    const auto path = folder.file("place", "", 0600);
    int place = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::flock(place, LOCK_EX | LOCK_NB) == 0);
    Descriptor other(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    bool taken_while_running = true;

    reaper.run(
        shell("echo; while [ ! -e " + folder.path() + "/go" + " ]; do sleep 0.01; done"), {}, {},
        [&](int, std::string_view) {
          ::close(place);
          taken_while_running = ::flock(other.get(), LOCK_EX | LOCK_NB) == 0;
          folder.file("go", "", 0600);
        },
        place);

    CHECK_FALSE(taken_while_running);
    CHECK(::flock(other.get(), LOCK_EX | LOCK_NB) == 0);
  }

  TEST_CASE_FIXTURE(Fixture, "an error of the output function ends the command and is handed on") {
    const auto fail = [](int, std::string_view) { throw std::runtime_error("full"); };
    CHECK_THROWS_WITH(reaper.run(shell("echo; sleep 1000"), {}, {}, fail), "full");
    CHECK(run(reaper, shell("echo again")).out == "again\n");
  }

  TEST_CASE("a reaper ends with its owner object, and may be moved") {
    pid_t pid = -1;
    {
      Reaper first({}, nullptr, Duration{0});
      pid = first.pid();
      Reaper second(std::move(first));
      CHECK(second.pid() == pid);
      CHECK(run(second, command({"true"})).end.exit_code == 0);
      CHECK(run(first, command({"true"})).end.kind == Kind::no_resources);
    }
    CHECK_FALSE(test::exists(pid));
  }
}

}  // namespace schedctl
