#include "run/host_lock.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stop_token>
#include <thread>

#include "support/process.h"
#include "util/error.h"
#include "util/text.h"

using namespace schedctl;
using run::FileSign;
using run::HostLock;
using run::Places;
using run::WorkerLock;

namespace {

// The name of the file of a worker of this installation.
std::string left_by(const std::string& installation, pid_t pid) {
  return fmt::format("worker-{:016x}-{}-0123abcd.lock", fnv1a(installation), pid);
}

// The exit code and the message that taking the lock ends with; 0 when it was taken or held.
std::pair<int, std::string> refusal(const std::string& path) {
  std::string holder;
  try {
    HostLock::take(path, holder);
  } catch (const Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  }
  return {0, ""};
}

}  // namespace

TEST_SUITE("run::host_lock") {
  TEST_CASE("the lock is one run's at a time, and the other learns whose") {
    const test::TempDir folder;
    std::string holder;
    auto first = HostLock::take(folder / "lock", holder);

    CHECK(first);
    CHECK(holder.empty());
    CHECK_FALSE(HostLock::take(folder / "lock", holder));
    CHECK(holder.starts_with("pid " + std::to_string(getpid()) + " since "));

    first->release();
    CHECK(HostLock::take(folder / "lock", holder));
  }

  TEST_CASE("a lock file that somebody left behind holds nobody up") {
    const test::TempDir folder;
    folder.write("lock", "pid 1 since 2020-01-01T00:00:00Z\n");
    std::string holder;

    CHECK(HostLock::take(folder / "lock", holder));
  }

  TEST_CASE("missing folders are made, for nobody but us") {
    const test::TempDir folder;
    std::string holder;

    CHECK(HostLock::take(folder / "a/b/lock", holder));

    struct stat info {};
    REQUIRE(stat((folder / "a/b").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
    REQUIRE(stat((folder / "a/b/lock").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }

  TEST_CASE("a symbolic link is refused, wherever it leads") {
    const test::TempDir folder;
    folder.write("victim", "precious");
    REQUIRE(symlink((folder / "victim").c_str(), (folder / "lock").c_str()) == 0);
    REQUIRE(symlink((folder / "nowhere").c_str(), (folder / "dangling").c_str()) == 0);

    const auto [code, message] = refusal(folder / "lock");

    CHECK(code == 77);
    CHECK(message == (folder / "lock") + ": is a symbolic link: remove it");
    CHECK(refusal(folder / "dangling").first == 77);
    CHECK(access((folder / "nowhere").c_str(), F_OK) != 0);
    std::string content;
    std::getline(std::ifstream(folder / "victim"), content);
    CHECK(content == "precious");
  }

  TEST_CASE("a folder is no lock") {
    const test::TempDir folder;
    REQUIRE(mkdir((folder / "lock").c_str(), 0700) == 0);

    CHECK(refusal(folder / "lock").first == 73);
  }

  TEST_CASE("a FIFO is refused at once instead of waiting for its other end") {
    const test::TempDir folder;
    REQUIRE(mkfifo((folder / "lock").c_str(), 0600) == 0);

    CHECK(refusal(folder / "lock").first == 77);
  }

  TEST_CASE("a file with a second name is refused and keeps its content") {
    const test::TempDir folder;
    folder.write("victim", "precious");
    REQUIRE(link((folder / "victim").c_str(), (folder / "lock").c_str()) == 0);

    CHECK(refusal(folder / "lock").first == 77);

    std::string content;
    std::getline(std::ifstream(folder / "victim"), content);
    CHECK(content == "precious");
  }

  TEST_CASE("a file that others may write is refused") {
    const test::TempDir folder;
    REQUIRE(chmod(folder.write("lock", "").c_str(), 0666) == 0);

    CHECK(refusal(folder / "lock").first == 77);
  }

  TEST_CASE("a stranger's file or folder is refused with the way out" *
            doctest::skip(geteuid() != 0)) {
    const test::TempDir folder;
    REQUIRE(mkdir((folder / "ours").c_str(), 0755) == 0);
    REQUIRE(mkdir((folder / "theirs").c_str(), 0755) == 0);
    REQUIRE(chown(folder.write("ours/lock", "").c_str(), 4711, 4711) == 0);
    REQUIRE(chown((folder / "theirs").c_str(), 4711, 4711) == 0);

    const auto [code, message] = refusal(folder / "ours/lock");

    CHECK(code == 77);
    CHECK(message ==
          (folder / "ours/lock") + ": belongs to user id 4711: remove it or choose another file");
    CHECK(refusal(folder / "theirs/lock").first == 77);
  }

  TEST_CASE("what a holder wrote is shown as one harmless line") {
    const test::TempDir folder;
    std::string holder;
    const auto lock = HostLock::take(folder / "lock", holder);
    std::ofstream(folder / "lock", std::ios::trunc)
        << std::string("\x1b[2J\xff\0evil", 10) << std::string(200, 'x') << "\nsecond";

    CHECK_FALSE(HostLock::take(folder / "lock", holder));

    CHECK(holder.find('\x1b') == std::string::npos);
    CHECK(holder.find('\xff') == std::string::npos);
    CHECK(holder.find("evil") != std::string::npos);
    CHECK(holder.find("second") == std::string::npos);
    CHECK(holder.size() < 200);
  }

  TEST_CASE("all runs of a host together have no more places than there are") {
    const test::TempDir folder;
    Places one(folder / "lock", 3), other(folder / "lock", 3);

    CHECK(one.acquire() == 0);
    CHECK(other.acquire() == 1);
    CHECK(one.acquire() == 2);
    CHECK_FALSE(one.acquire());
    CHECK_FALSE(other.acquire());

    one.release(0);
    CHECK(other.acquire() == 0);
    CHECK_FALSE(one.acquire());
  }

  TEST_CASE("a place stays taken as long as anybody holds its descriptor") {
    const test::TempDir folder;
    Places other(folder / "lock", 1);
    Fd kept;
    {
      Places gone(folder / "lock", 1);
      kept.reset(dup(gone.descriptor(gone.acquire().value())));
    }

    CHECK_FALSE(other.acquire());
    kept.reset();
    CHECK(other.acquire() == 0);
  }

  TEST_CASE("a worker's file is held while it lives and gone after a clean end") {
    const test::TempDir folder;
    std::string path;
    {
      const WorkerLock lock(folder.path(), "here");
      path = lock.path();
      CHECK(run::look_at_worker_lock(path) == FileSign::held);
    }
    CHECK(run::look_at_worker_lock(path) == FileSign::unseen);
    CHECK(access(path.c_str(), F_OK) != 0);
  }

  TEST_CASE("a worker's file is held as long as a reaper of it lives") {
    const test::TempDir folder;
    Fd reaper;
    const auto left_behind = folder / left_by("here", 1);
    {
      const WorkerLock lock(folder.path(), "here");
      reaper.reset(dup(lock.descriptor()));
      REQUIRE(rename(lock.path().c_str(), left_behind.c_str()) == 0);  // as after a crash
    }

    CHECK(run::look_at_worker_lock(left_behind) == FileSign::held);
    reaper.reset();
    CHECK(run::look_at_worker_lock(left_behind) == FileSign::free);
  }

  TEST_CASE("a file that is not fit to be a lock is no evidence of a death") {
    const test::TempDir folder;
    folder.write("real", "");
    REQUIRE(symlink((folder / "real").c_str(), (folder / left_by("here", 2)).c_str()) == 0);

    CHECK(run::look_at_worker_lock(folder / left_by("here", 2)) == FileSign::unseen);
    CHECK(run::look_at_worker_lock(folder.path()) == FileSign::unseen);
    CHECK(run::look_at_worker_lock(folder / ("none/" + left_by("here", 3))) == FileSign::unseen);
  }

  TEST_CASE("a file of another name is never looked at, whatever a row of the database says") {
    const test::TempDir folder;

    CHECK(run::look_at_worker_lock(folder.write("id_rsa", "")) == FileSign::unseen);
    CHECK(run::look_at_worker_lock(folder.write(left_by("here", 1) + ".bak", "")) ==
          FileSign::unseen);
  }

  TEST_CASE("files that workers have left behind are removed, no others") {
    const test::TempDir folder;
    const WorkerLock living(folder.path(), "here");
    const auto stale = folder.write(left_by("here", 4), "");
    const auto known = folder.write(left_by("here", 5), "");
    const auto of_others = folder.write(left_by("elsewhere", 6), "");
    const auto other = folder.write("worker-6.lock", ""), host = folder.write("lock", "");

    run::remove_stale_worker_locks(folder.path(), "here", {known});

    CHECK(access(stale.c_str(), F_OK) != 0);
    for (const auto& path : {living.path(), known, of_others, other, host})
      CHECK(access(path.c_str(), F_OK) == 0);
    run::remove_stale_worker_locks(folder / "none", "here", {});
  }

  TEST_CASE("a worker holds its file, however often those left behind are removed meanwhile") {
    const test::TempDir folder;
    std::jthread sweeper([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) run::remove_stale_worker_locks(folder.path(), "here", {});
    });
    for (int i = 0; i < 2000; ++i) {
      const WorkerLock lock(folder.path(), "here");
      REQUIRE(run::look_at_worker_lock(lock.path()) == FileSign::held);
    }
  }

  TEST_CASE("looking at a worker's file does not hold it") {
    const test::TempDir folder;
    const auto path = folder.write(left_by("here", 4), "");

    CHECK(run::look_at_worker_lock(path) == FileSign::free);
    CHECK(run::look_at_worker_lock(path) == FileSign::free);
  }
}
