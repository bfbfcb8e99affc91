// Lock files that somebody else has made, and what handlers see of ours.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <tuple>

#include "support/host.h"
#include "util/descriptor.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

using Clock = std::chrono::steady_clock;

struct Told {
  ProcessResult end;
  std::chrono::milliseconds took;
};

Told run_with_lock(const Host& host, const std::string& path) {
  const auto began = Clock::now();
  auto end = host.process({"--lock-file", path});
  return {std::move(end),
          std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began)};
}

// Everything about a file that an attack could change.
std::string look_of(const std::string& path) {
  return run({"stat", "-c", "%n %s %f %u %g %h %x %y %z", path}).out + run({"sha256sum", path}).out;
}

// Refused within a second, with this exit code and the file's name, and nothing was done.
void check_bad_lock(Host& host, const std::string& path, int exit_code, const std::string& says) {
  const auto [end, took] = run_with_lock(host, path);
  check_refused(end, exit_code, says);
  CHECK(end.err.find(path.substr(0, path.rfind('/'))) != std::string::npos);
  CHECK(took < 1s);
  CHECK(host.count("hosts") == 0);
  CHECK(host.count("job_executions") == 0);
}

}  // namespace

TEST_SUITE("e2e::lock_file [db]") {
  TEST_CASE("whatever a lock file says, only the kernel's lock counts") {
    Host host;
    const auto lock = host.folder / "lock";
    const std::vector<std::string> contents = {
        "",
        "garbage \xff\xfe\x1b[31m",
        std::string(4096, '\0'),
        fmt::format("pid {} since 2020-01-01T00:00:00Z\n", getpid()),
        "pid 1\n",
        "-1",
        "2147483648"};
    for (const auto& content : contents) {
      CAPTURE(content);
      host.folder.write("lock", content);
      const auto job = host.enqueue("noop");

      const auto [end, took] = run_with_lock(host, lock);

      CHECK(end.exit_code == 0);
      CHECK(end.err == "");
      CHECK(took < 1s);
      CHECK(host.status(job) == "completed");
      CHECK(host.read("lock").starts_with("pid "));
    }
  }

  TEST_CASE("a lock file of one gigabyte is neither read nor in the way") {
    Host host;
    const auto lock = host.folder.write("lock", "x");
    std::filesystem::resize_file(lock, 1'000'000'000);
    const auto job = host.enqueue("noop");

    const auto [end, took] = run_with_lock(host, lock);

    CHECK(end.exit_code == 0);
    CHECK(took < 1s);
    CHECK(host.status(job) == "completed");
    CHECK(std::filesystem::file_size(lock) < 100);
  }

  TEST_CASE("a lock that is held holds a run up, however odd its file") {
    Host host;
    const auto lock = host.folder.write("lock", std::string(4096, '\xff'));
    std::filesystem::resize_file(lock, 1'000'000'000);
    const Descriptor held(open(lock.c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(flock(held.get(), LOCK_EX | LOCK_NB) == 0);
    const auto job = host.enqueue("noop");

    const auto [end, took] = run_with_lock(host, lock);

    CHECK(end.exit_code == 0);
    CHECK(end.err == "");
    CHECK(took < 1s);
    CHECK(host.status(job) == "pending");
  }

  TEST_CASE("what others may have put in the place of a lock file is refused and left as it is") {
    Host host;
    host.enqueue("noop");
    const auto victim = host.folder.write("victim", "precious");
    const auto at = [&](const std::string& name) { return host.folder / name; };
    std::filesystem::create_symlink(victim, at("symlink"));
    std::filesystem::create_symlink(at("nowhere"), at("dangling"));
    std::filesystem::create_hard_link(victim, at("hard"));
    std::filesystem::create_directory(at("folder"));
    REQUIRE(mkfifo(at("fifo").c_str(), 0600) == 0);
    REQUIRE(chmod(host.folder.write("loose", "").c_str(), 0666) == 0);
    std::filesystem::create_directory(at("open"));
    REQUIRE(chmod(at("open").c_str(), 0777) == 0);
    run({"cat", victim});  // so that its time of access does not change later
    const auto before = look_of(victim);

    check_bad_lock(host, at("symlink"), 77, "symbolic link");
    check_bad_lock(host, at("dangling"), 77, "symbolic link");
    check_bad_lock(host, at("hard"), 77, "more than one link");
    check_bad_lock(host, at("folder"), 73, "is a folder");
    check_bad_lock(host, at("fifo"), 77, "no regular file");
    check_bad_lock(host, at("loose"), 77, "mode 0666");
    check_bad_lock(host, at("open/lock"), 77, "writable by everybody");
    check_bad_lock(host, at("victim/lock"), 73, "not a folder");
    check_bad_lock(host, "/proc/lock", 73, "/proc/lock");
    check_bad_lock(host, "/dev/null", 77, "no regular file");

    CHECK(look_of(victim) == before);
    CHECK_FALSE(std::filesystem::exists(at("nowhere")));
    CHECK(std::filesystem::is_empty(at("open")));
    REQUIRE(chmod(at("open").c_str(), 01777) == 0);  // sticky: as /tmp
    CHECK(run_with_lock(host, at("open/lock")).end.exit_code == 0);
  }

  TEST_CASE("what others may have put in the place of a spool is refused and left as it is") {
    if (geteuid() != 0) return;  // only root can give files away
    Host host;
    host.enqueue("noop");
    const auto at = [&](const std::string& name) { return host.folder / name; };
    std::filesystem::create_directory(at("victim"));
    const auto victim = host.folder.write("victim/precious.json", "{}");
    std::filesystem::create_symlink(at("victim"), at("linked.spool"));
    REQUIRE(lchown(at("linked.spool").c_str(), 4711, 4711) == 0);
    for (const char* name : {"foreign.spool", "open.spool"})
      std::filesystem::create_directory(at(name));
    REQUIRE(chown(at("foreign.spool").c_str(), 4711, 4711) == 0);
    REQUIRE(chmod(at("open.spool").c_str(), 0777) == 0);
    host.folder.write("file.spool", "");
    run({"cat", victim});  // so that its time of access does not change later
    const auto before = look_of(victim) + look_of(at("victim"));

    for (const auto& [name, code, says] :
         {std::tuple("linked", 77, "symbolic link of user id 4711"),
          std::tuple("foreign", 77, "belongs to user id 4711"),
          std::tuple("open", 77, "writable by everybody"),
          std::tuple("file", 73, "not a folder")}) {
      const auto [end, took] = run_with_lock(host, at(name));
      check_refused(end, code, says);
      CHECK(took < 1s);
    }
    CHECK(host.count("job_executions") == 0);
    CHECK(look_of(victim) + look_of(at("victim")) == before);
  }

  TEST_CASE("what lies in a spool and is no file of ours holds nobody up and is left as it is") {
    Host host;
    const auto job = host.enqueue("noop");
    const auto spool = host.folder / "lock.spool";
    std::filesystem::create_directory(spool);
    const auto victim = host.folder.write("victim", "{\"version\":1}");
    std::filesystem::create_symlink(victim, spool + "/link.json");
    std::filesystem::create_hard_link(victim, spool + "/hard.json");
    std::filesystem::create_directory(spool + "/folder.json");
    REQUIRE(mkfifo((spool + "/fifo.json").c_str(), 0600) == 0);
    REQUIRE(chmod(host.folder.write("lock.spool/loose.json", "{}").c_str(), 0666) == 0);
    run({"cat", victim});
    const auto before = run({"sha256sum", victim}).out;

    const auto [end, took] = run_with_lock(host, host.folder / "lock");

    CAPTURE(end.err);
    CHECK(end.exit_code == 0);
    CHECK(took < 1s);
    CHECK(host.status(job) == "completed");
    CHECK(run({"sha256sum", victim}).out == before);
    CHECK(std::filesystem::hard_link_count(victim) == 2);
    for (const std::string name : {"link", "hard", "folder", "fifo", "loose"})
      CHECK(std::filesystem::exists(
          std::filesystem::symlink_status(spool + "/" + name + ".json.bad")));
  }

  TEST_CASE("a stranger's lock file or folder is refused, also for root") {
    if (geteuid() != 0) return;
    Host host;
    const auto file = host.folder.write("theirs", "");
    const auto folder = host.folder / "their-folder";
    std::filesystem::create_directory(folder);
    REQUIRE(chown(file.c_str(), 4711, 4711) == 0);
    REQUIRE(chown(folder.c_str(), 4711, 4711) == 0);

    check_bad_lock(host, file, 77, "belongs to user id 4711");
    check_bad_lock(host, folder + "/lock", 77, "belongs to user id 4711");
  }

  TEST_CASE("a daemon that a handler leaves behind has nothing of ours, and does not outlive it") {
    Host host;
    host.handler("leaver",
                 "setsid sh -c 'readlink /proc/$$/fd/* >fds; echo $$ >daemon; exec sleep 60' "
                 "</dev/null >/dev/null 2>&1 &\n"
                 "until [ -s daemon ]; do sleep 0.01; done");
    const auto job = host.enqueue("leaver");

    CHECK(host.process().exit_code == 0);
    const auto daemon = std::stoi(host.read("daemon"));
    CHECK_FALSE(alive(daemon));
    const auto next = host.enqueue("noop");
    host.tick();

    for (const std::string ours : {"socket:", "anon_inode:", ".lock", "memfd:"})
      CHECK(host.read("fds").find(ours) == std::string::npos);
    CHECK(host.status(job) == "completed");
    CHECK(host.status(next) == "completed");
  }
}
