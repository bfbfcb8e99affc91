#include "config/files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/config_folder.h"

namespace schedctl {
namespace {

// conf.d beside the file.
std::string add(const test::ConfigFolder& folder, const std::string& name, const std::string& text,
                unsigned mode = 0644) {
  const auto path = folder.path() + "/conf.d/" + name;
  std::filesystem::create_directory(folder.path() + "/conf.d");
  chmod((folder.path() + "/conf.d").c_str(), 0755);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  chmod(path.c_str(), mode);
  return path;
}

const std::string job_a = "[job.a]\nhandler = \"noop\"\nevery = \"1h\"\n";
const std::string job_b = "[job.b]\nhandler = \"nightly\"\nevery = \"2h\"\n";

}  // namespace

TEST_SUITE("config::files") {
  TEST_CASE("what lies in conf.d is merged into the file, and told apart by its origin") {
    const test::ConfigFolder folder;
    const auto first = add(folder, "10-jobs.toml", "[process]\nlinger = \"5s\"\n" + job_b);
    const auto second =
        add(folder, "20-handlers.toml",
            "[handler.nightly]\ntype = \"command\"\nargv = [\"true\"]\ncwd = \"x\"\n");
    add(folder, ".hidden.toml", "nonsense");
    add(folder, "notes.txt", "nonsense");
    add(folder, "old.toml~", "nonsense");

    const auto config = folder.load("[process]\nmax_concurrent_jobs = 7\n" + job_a);

    CHECK(config.files == std::vector<std::string>{folder.file(), first, second});
    CHECK(config.process.max_concurrent_jobs == 7);
    CHECK(config.process.linger == std::chrono::seconds(5));
    CHECK(test::setting(config, "process.linger")->origin == first + ":2");
    CHECK(test::setting(config, "process.max_concurrent_jobs")->origin == folder.file() + ":2");
    CHECK(config.definitions.at("a").place.text() == folder.file() + ":3");
    CHECK(config.definitions.at("b").place_of("every").text() == first + ":5");
    CHECK(config.handlers.at("nightly").place.text() == second + ":1");
    // Relative paths start at the folder of the file, wherever they are written.
    CHECK(std::get<config::CommandHandler>(config.handlers.at("nightly").how).cwd ==
          folder.path() + "/x");
  }

  TEST_CASE("what stands in two files is refused with both places") {
    const test::ConfigFolder folder;
    add(folder, "b.toml", "\n[process]\nlinger = \"5s\"\n");
    CHECK(folder.error("[process]\nlinger = \"6s\"\n") ==
          "conf.d/b.toml:3: process.linger: stands at " + folder.file() +
              ":2 too: remove one of them");

    add(folder, "b.toml", job_a);
    CHECK(folder.error("\n\n" + job_a) ==
          "conf.d/b.toml:1: job.a: stands at " + folder.file() + ":3 too: remove one of them");

    add(folder, "b.toml", "");
    const auto c = add(folder, "c.toml", "[handler.x]\ntype = \"noop\"\n");
    add(folder, "d.toml", "[handler.x]\ntype = \"noop\"\n");
    CHECK(folder.error("") ==
          "conf.d/d.toml:1: handler.x: stands at " + c + ":1 too: remove one of them");

    add(folder, "d.toml", "handler = 5\n");
    CHECK(folder.error("").starts_with("conf.d/d.toml:1: handler: stands at " + c + ":1 too"));
  }

  TEST_CASE("profiles may be spread over files too, their keys not") {
    const test::ConfigFolder folder;
    add(folder, "b.toml", "[profile.dev.process]\nlinger = \"5s\"\n[profile.test.log]\n");
    const auto profile = test::VariableScope("SCHEDCTL_PROFILE", "dev");

    CHECK(folder.load("[profile.dev.process]\nhost = \"a\"\n").process.linger ==
          std::chrono::seconds(5));
    CHECK(folder.error("[profile.dev.process]\nlinger = \"1s\"\n")
              .starts_with("conf.d/b.toml:2: profile.dev.process.linger: stands at "));
  }

  TEST_CASE("a mistake in conf.d is told with its own file and line") {
    const test::ConfigFolder folder;
    add(folder, "b.toml", "[process]\n\nlingr = \"5s\"\n");
    CHECK(folder.error("[process]\nhost = \"a\"\n") ==
          "conf.d/b.toml:3: process.lingr: unknown key: did you mean \"linger\"?");
    add(folder, "b.toml", "[job.b]\nhandler = \"nop\"\nevery = \"1h\"\n");
    CHECK(folder.error("").starts_with("conf.d/b.toml:2: job.b.handler: \"nop\" is no handler"));
    add(folder, "b.toml", "[handler.h]\ntype = \"command\"\n");
    CHECK(folder.error("").starts_with("conf.d/b.toml:1: handler.h.argv: is missing"));
    add(folder, "b.toml", "[log\n");
    CHECK(folder.error("").starts_with("conf.d/b.toml:1: no valid TOML"));
  }

  TEST_CASE("each file of conf.d is trusted as little as the file itself") {
    const test::ConfigFolder folder;
    const auto path = add(folder, "b.toml", "", 0664);
    CHECK(folder.error("").starts_with("conf.d/b.toml: mode 0664 lets others write it"));
    chmod(path.c_str(), 0644);
    CHECK(folder.error("") == "");

    chmod((folder.path() + "/conf.d").c_str(), 0777);
    CHECK(folder.error("").starts_with("conf.d/b.toml: its folder has mode 0777, which lets"));
    chmod((folder.path() + "/conf.d").c_str(), 0755);

    std::filesystem::create_symlink("nowhere", folder.path() + "/conf.d/c.toml");
    CHECK(folder.error("").starts_with("conf.d/c.toml: cannot be opened: No such file"));
    std::filesystem::remove(folder.path() + "/conf.d/c.toml");
    if (geteuid() == 0) {
      REQUIRE(chown(path.c_str(), 12345, 12345) == 0);
      CHECK(folder.error("").starts_with("conf.d/b.toml: belongs to uid 12345"));
    }
  }

  TEST_CASE("conf.d may be missing or be something else") {
    const test::ConfigFolder folder;
    CHECK(folder.error("") == "");
    std::ofstream(folder.path() + "/conf.d") << "a file";
    CHECK(folder.error("") == "");
  }
}

}  // namespace schedctl
