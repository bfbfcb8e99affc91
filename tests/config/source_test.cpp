#include "config/source.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support/config_folder.h"
#include "util/error.h"

namespace schedctl {

using namespace std::string_literals;

TEST_SUITE("config::source") {
  TEST_CASE("a file that others may write is refused by its mode") {
    const test::ConfigFolder folder;
    for (const unsigned mode : {0664U, 0646U, 0666U, 0777U, 0620U}) {
      const auto error = folder.error_at(folder.write("", mode));
      CAPTURE(error);
      CHECK(error.starts_with("schedctl.toml: mode 0"));
      CHECK(error.find(" lets others write it: run chmod go-w " + folder.file()) !=
            std::string::npos);
    }
    for (const unsigned mode : {0600U, 0640U, 0644U, 0400U, 0755U})
      CHECK(folder.error_at(folder.write("", mode)) == "");
  }

  TEST_CASE("a file in a folder that others may write is refused, unless sticky") {
    const test::ConfigFolder folder;
    folder.write("");
    chmod(folder.path().c_str(), 0777);
    CHECK(folder.error_at(folder.file()) ==
          "schedctl.toml: its folder has mode 0777, which lets others replace the file: run chmod "
          "go-w " +
              folder.path());
    chmod(folder.path().c_str(), 01777);
    CHECK(folder.error_at(folder.file()) == "");
    chmod(folder.path().c_str(), 0700);
  }

  TEST_CASE("a file of another user is refused by its owner") {
    if (geteuid() != 0) return;  // only root can give files away
    const test::ConfigFolder folder;
    folder.write("");
    REQUIRE(chown(folder.file().c_str(), 12345, 12345) == 0);

    const auto error = folder.error_at(folder.file());

    CAPTURE(error);
    CHECK(error.starts_with("schedctl.toml: belongs to uid 12345, mode 0644"));
    CHECK(error.find("chmod go-w") != std::string::npos);
  }

  TEST_CASE("what is no readable file is refused at once") {
    const test::ConfigFolder folder;
    const auto fifo = folder.path() + "/fifo", link = folder.path() + "/link";
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    std::filesystem::create_symlink("nowhere", link);

    CHECK(folder.error_at(folder.path() + "/none").starts_with("none: cannot be opened: No such"));
    CHECK(folder.error_at(link).starts_with("link: cannot be opened: No such file"));
    CHECK(folder.error_at(fifo) == "fifo: is not a regular file: name one");
    CHECK(folder.error_at("/dev/null") == "/dev/null: is not a regular file: name one");
    std::filesystem::create_directory(folder.path() + "/folder");
    CHECK(folder.error_at(folder.path() + "/folder") ==
          "folder: is a folder: name the file inside it");
    if (geteuid() != 0)
      CHECK(folder.error_at(folder.write("", 0000)).starts_with("schedctl.toml: cannot be opened"));
  }

  TEST_CASE("a symbolic link is followed, and the mode of its target counts") {
    const test::ConfigFolder folder;
    const auto link = folder.path() + "/link.toml";
    std::filesystem::create_symlink(folder.write("", 0644), link);

    CHECK(folder.error_at(link) == "");
    folder.write("", 0666);
    CHECK(folder.error_at(link).starts_with("link.toml: mode 0666 lets others write it"));
  }

  TEST_CASE("what is no text is refused with its line") {
    const test::ConfigFolder folder;
    CHECK(folder.error("a = 1\n\xFF\n") ==
          "schedctl.toml:2: is not valid UTF-8: save the file as UTF-8");
    CHECK(folder.error("\xFF\xFE[\0"s).starts_with("schedctl.toml:1: "));
    CHECK(folder.error("\n\n# \0 \n"s) ==
          "schedctl.toml:3: holds a NUL byte: save the file as plain UTF-8 text");
    CHECK(folder.error("# \xC3") == "schedctl.toml:1: is not valid UTF-8: save the file as UTF-8");
  }

  TEST_CASE("a file larger than 16 MiB is refused, one of that size is read") {
    const test::ConfigFolder folder;
    const std::string comment = "#" + std::string(config::source_limit_bytes - 2, 'x') + "\n";

    CHECK(folder.error(comment) == "");
    CHECK(folder.error(comment + "#") ==
          "schedctl.toml: is larger than 16MiB: is it the right file?");
  }
}

}  // namespace schedctl
