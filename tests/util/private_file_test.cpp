#include "util/private_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "support/process.h"

using namespace schedctl;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(lstat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

class Umask {
 public:
  explicit Umask(mode_t mask) : before_(umask(mask)) {}
  ~Umask() { umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

std::string refusal(const std::string& path, Create create = Create::yes) {
  try {
    open_private_file(path, create);
  } catch (const Error& error) {
    return std::to_string(static_cast<int>(error.code())) + " " + error.what();
  }
  return "";
}

}  // namespace

TEST_SUITE("util::private_file") {
  TEST_CASE("a new file is ours alone, whatever the umask, and no child gets it") {
    const test::TempDir folder;
    const Umask open_to_all(0);

    const auto fd = open_private_file(folder / "new", Create::yes);

    CHECK(mode_of(folder / "new") == 0600);
    CHECK((fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }

  TEST_CASE("a missing file is created only when asked for") {
    const test::TempDir folder;

    CHECK_FALSE(open_private_file(folder / "absent", Create::no));
    CHECK(access((folder / "absent").c_str(), F_OK) != 0);
  }

  TEST_CASE("what is there stays, and appending goes to its end") {
    const test::TempDir folder;
    const auto path = folder.write("log", "one\n");

    for (int i = 0; i < 2; ++i) {
      const auto fd = open_private_file(path, Create::yes, true);
      REQUIRE(write(fd.get(), "two\n", 4) == 4);
    }

    CHECK(test::run({"cat", path}).out == "one\ntwo\ntwo\n");
  }

  TEST_CASE("a refusal names the file, the reason and the remedy") {
    const test::TempDir folder;
    const auto file = folder.write("file", "");
    REQUIRE(symlink(file.c_str(), (folder / "link").c_str()) == 0);
    REQUIRE(mkdir((folder / "folder").c_str(), 0700) == 0);
    REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);

    CHECK(refusal(folder / "link") ==
          "77 " + (folder / "link") + ": is a symbolic link: remove it");
    CHECK(refusal(folder / "folder") ==
          "73 " + (folder / "folder") + ": is a folder: remove it or choose another file");
    CHECK(refusal(folder / "fifo") ==
          "77 " + (folder / "fifo") + ": is no regular file: remove it");
    CHECK(refusal(folder / "no/file").starts_with("73 "));
    REQUIRE(chmod(file.c_str(), 0620) == 0);
    CHECK(refusal(file) == "77 " + file + ": mode 0620 lets others write: chmod go-w it");
    REQUIRE(chmod(file.c_str(), 0644) == 0);
    CHECK(refusal(file) == "");
    REQUIRE(link(file.c_str(), (folder / "second").c_str()) == 0);
    CHECK(refusal(file) == "77 " + file + ": has more than one link: remove it");
  }

  TEST_CASE("a name with control characters cannot garble the message") {
    const test::TempDir folder;
    REQUIRE(mkdir((folder / "a\nb").c_str(), 0700) == 0);

    CHECK(refusal(folder / "a\nb").find('\n') == std::string::npos);
  }

  TEST_CASE("missing folders are made, for us alone") {
    const test::TempDir folder;
    const Umask open_to_all(0);

    make_private_folder(folder / "a/b/c");
    make_private_folder(folder / "a/b/c");

    CHECK(mode_of(folder / "a") == 0700);
    CHECK(mode_of(folder / "a/b/c") == 0700);
  }

  TEST_CASE("a folder that is there is told from none, and a stranger's symlink is neither") {
    const test::TempDir folder;
    REQUIRE(symlink(folder.path().c_str(), (folder / "own").c_str()) == 0);
    CHECK(has_private_folder(folder.path()));
    CHECK(has_private_folder(folder / "own"));
    CHECK_FALSE(has_private_folder(folder / "none"));
    CHECK_FALSE(has_private_folder(folder.write("file", "") + "/none"));
    if (geteuid() != 0) return;  // only root can give links away
    REQUIRE(symlink(folder.path().c_str(), (folder / "theirs").c_str()) == 0);
    REQUIRE(lchown((folder / "theirs").c_str(), 4711, 4711) == 0);

    for (const auto& use : {std::function<void()>([&] { has_private_folder(folder / "theirs"); }),
                            std::function<void()>([&] { make_private_folder(folder / "theirs"); })})
      try {
        use();
        FAIL("not refused");
      } catch (const Error& error) {
        CHECK(error.code() == ExitCode::permission);
        CHECK(std::string(error.what()) ==
              (folder / "theirs") + ": is a symbolic link of user id 4711: remove it");
      }
  }

  TEST_CASE("a file in a folder's place is refused") {
    const test::TempDir folder;
    const auto file = folder.write("file", "");

    for (const auto& path : {file, file + "/below"}) {
      try {
        make_private_folder(path);
        FAIL("not refused");
      } catch (const Error& error) {
        CHECK(error.code() == ExitCode::cannot_create);
      }
    }
  }

  TEST_CASE("a file is written whole, over whatever a crash has left of its draft") {
    const test::TempDir folder;
    const Umask open_to_all(0);
    folder.write("file.tmp", std::string(1000, 'x'));
    folder.write("public.tmp", std::string(1000, 'x'));

    write_private_file(folder / "file", "short\n");
    write_public_file(folder / "public", "short\n");

    for (const auto* name : {"file", "public"}) {
      std::ifstream file(folder / name);
      CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == "short\n");
      CHECK(access((folder / (std::string(name) + ".tmp")).c_str(), F_OK) != 0);
    }
    CHECK(mode_of(folder / "file") == 0600);
    CHECK(mode_of(folder / "public") == 0644);
  }

  TEST_CASE("only one open file can hold a lock, and closing gives it back") {
    const test::TempDir folder;
    auto first = open_private_file(folder / "lock", Create::yes);
    const auto second = open_private_file(folder / "lock", Create::yes);

    CHECK(try_lock(first));
    CHECK(try_lock(first));
    CHECK_FALSE(try_lock(second));
    first.reset();
    CHECK(try_lock(second));
  }

  TEST_CASE("a descriptor has one owner") {
    const test::TempDir folder;
    auto first = open_private_file(folder / "file", Create::yes);
    const int number = first.get();

    Fd second(std::move(first));
    CHECK_FALSE(first);
    CHECK(second.get() == number);
    second.reset();
    CHECK(fcntl(number, F_GETFD) == -1);
  }
}
