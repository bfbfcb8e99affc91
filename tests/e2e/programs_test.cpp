// Programs that somebody else may change.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

struct ProgramHost : Host {
  // A program that leaves a trace, and its path.
  std::string program(const std::string& in, mode_t mode, mode_t folder_mode = 0755) {
    const auto directory = folder / in;
    std::filesystem::create_directories(directory);
    const auto path = folder.write(in + "/program", "#!/bin/sh\necho >>\"$0.ran\"\n");
    REQUIRE(chmod(path.c_str(), mode) == 0);
    REQUIRE(chmod(directory.c_str(), folder_mode) == 0);
    return path;
  }
  void use(const std::string& path, const std::string& keys = "") {
    replace_config(fmt::format("{}[handler.program]\ntype = \"command\"\nargv = [\"{}\"]\n{}",
                               database.toml(), path, keys));
  }

  void check_refused_program(const std::string& path, const std::string& says) {
    CAPTURE(path);
    use(path);
    const auto job = enqueue("program"), noop = enqueue("noop");

    tick();

    CHECK(status(job) == "failed");
    CHECK(attempts(job) == "failed/not_startable");
    const auto told = database.value("select error_message from jobs where id = $1", {job});
    CHECK_MESSAGE(told.starts_with(path + ": " + says), told);
    CHECK(status(noop) == "completed");
    CHECK_FALSE(std::filesystem::exists(path + ".ran"));
    check_refused(run({"validate"}), 78, path + ": " + says);
    const auto examined = run({"test"});
    CHECK(examined.exit_code == 1);
    CHECK(examined.out.find(says) != std::string::npos);
  }

  void check_accepted_program(const std::string& path, const std::string& keys = "") {
    CAPTURE(path);
    use(path, keys);
    const auto job = enqueue("program");

    tick();

    CHECK(attempts(job) == "completed");
    const auto valid = run({"validate"});
    CAPTURE(valid.err);
    CHECK(valid.exit_code == 0);
  }
};

}  // namespace

TEST_SUITE("e2e::programs [db]") {
  TEST_CASE("a program that others may change is not run, and validate and test tell why") {
    ProgramHost host;
    host.check_refused_program(host.program("all", 0777), "mode 0777 lets others write it");
    host.check_refused_program(host.program("group", 0775), "mode 0775 lets others write it");
    host.check_refused_program(host.program("open", 0755, 0777), "its folder has mode 0777");
    const auto link = host.folder / "link";
    std::filesystem::create_symlink(host.folder / "all/program", link);
    host.check_refused_program(link, "mode 0777 lets others write it");
    if (geteuid() != 0) return;  // only root can give files away
    const auto theirs = host.program("theirs", 0755);
    REQUIRE(chown(theirs.c_str(), 4711, 4711) == 0);
    host.check_refused_program(theirs, "belongs to user id 4711, mode 0755");
  }

  TEST_CASE("a program that only its owner may change is run") {
    ProgramHost host;
    host.check_accepted_program(host.program("usual", 0755));
    host.check_accepted_program(host.program("private", 0700, 0700));
    host.check_accepted_program(host.program("sticky", 0755, 01777));
    const auto link = host.folder / "link";
    std::filesystem::create_symlink(host.folder / "usual/program", link);
    host.check_accepted_program(link);
    if (geteuid() != 0) return;
    const auto own = host.program("own", 0755);
    REQUIRE(chown(own.c_str(), 65534, 65534) == 0);
    REQUIRE(chown((host.folder / "own").c_str(), 65534, 65534) == 0);
    host.check_accepted_program(own, "user = \"nobody\"\n");
  }
}
