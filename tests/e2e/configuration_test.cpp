// Configuration files that nobody should run by.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

struct Fault {
  std::string text;  // what stands behind the [database] section
  int line;          // of this text, from 1
  std::string says;  // behind the line, from the key on
};

const Fault faults[] = {
    {"[process]\nmax_runtme = \"1s\"\n", 2, "process.max_runtme: unknown key"},
    {"[proces]\n", 1, "proces: unknown section"},
    {"[process]\nhost = \"a\"\nhost = \"b\"\n", 3, "no valid TOML"},
    {"[process]\n[log]\n[process]\n", 3, "no valid TOML"},
    {"[handler.a]\ntype = \"noop\"\n[handler.a]\ntype = \"noop\"\n", 3, "no valid TOML"},
    {"[handler.a]\ntype = \"noop\"\nargv = [\"x\"]\n", 3, "handler.a.argv: "},
    {"[handler.a]\n", 1, "handler.a"},
    {"[handler.a]\ntype = \"robot\"\n", 2, "handler.a.type: \"robot\""},
    {"[handler.a]\ntype = \"command\"\n", 1, "handler.a"},
    {"[handler.a]\ntype = \"command\"\nargv = \"ls -l\"\n", 3, "handler.a.argv: "},
    {"[handler.a]\ntype = \"command\"\nargv = []\n", 3, "handler.a.argv: "},
    {"[handler.a]\ntype = \"command\"\nargv = [\"x\"]\ntimeout = 5\n", 4, "handler.a.timeout: "},
    {"[handler.a]\ntype = \"command\"\nargv = [\"x\"]\nuser = 5\n", 4, "handler.a.user: "},
    {"[handler.a]\ntype = \"sql\"\n", 1, "handler.a"},
    {"[handler.\"\"]\ntype = \"noop\"\n", 1, ""},
    {"[handler.\"a\\nb\"]\ntype = \"noop\"\n", 1, ""},
    {"[process]\nmax_concurrent_jobs = \"3\"\n", 2, "process.max_concurrent_jobs: "},
    {"[process]\nmax_runtime = 1979-05-27T07:32:00Z\n", 2, "process.max_runtime: "},
    {"[log]\nlevel = \"loud\"\n", 2, "log.level: \"loud\""},
    {std::string("# \0\n", 4), 1, "holds a NUL byte"},
    {"# \xff\n", 1, "is not valid UTF-8"},
    {"[log\n", 1, "no valid TOML"},
    {"x = " + std::string(100'000, '[') + "\n", 1, "no valid TOML"},
};

// Refused by all who read it, with the file's name and this place, and without a trace.
void check_bad_config(Host& host, const std::string& says, const std::string& file) {
  for (const std::string command : {"process", "validate", "status", "enqueue noop"}) {
    CAPTURE(command);
    const auto end = host.shell("exec \"$S\" " + command);
    check_refused(end, 78, says);
    CHECK(end.err.starts_with("schedctl: " + file));
    CHECK(end.err.size() < 600);
  }
  CHECK_FALSE(std::filesystem::exists(host.folder / "state"));
  CHECK(host.count("hosts") == 0);
  CHECK(host.count("job_queue") == 0);
}

}  // namespace

TEST_SUITE("e2e::configuration [db]") {
  TEST_CASE("each mistake is told with file, line and key, and nothing of the file is used") {
    Host host;
    const auto good = host.read("schedctl.toml");
    const auto lines = std::count(good.begin(), good.end(), '\n');
    for (const auto& fault : faults) {
      CAPTURE(fault.text.substr(0, 100));
      host.replace_config(good + fault.text);
      const auto where = fmt::format(":{}: {}", lines + fault.line, fault.says);
      check_bad_config(host, where, host.folder / "schedctl.toml");
    }
  }

  TEST_CASE("what is no readable configuration file is told by its name, at once") {
    Host host;
    const auto use = [&](const std::string& path, const std::string& says) {
      host.env.push_back("SCHEDCTL_CONFIG=" + path);
      CAPTURE(path);
      check_bad_config(host, says, path);
      host.env.pop_back();
    };
    const auto at = [&](const std::string& name) { return host.folder / name; };
    std::filesystem::create_directory(at("folder"));
    std::filesystem::create_symlink(at("two"), at("one"));
    std::filesystem::create_symlink(at("one"), at("two"));
    std::filesystem::create_symlink(at("nowhere"), at("dangling"));
    REQUIRE(mkfifo(at("fifo").c_str(), 0600) == 0);
    std::filesystem::resize_file(host.folder.write("huge", "# "), 100'000'000);
    const auto loose = host.folder.write("loose", "");
    REQUIRE(chmod(loose.c_str(), 0666) == 0);

    use(at("missing"), "No such file or directory");
    use(at("folder"), "is a folder");
    use(at("one"), "Too many levels of symbolic links");
    use(at("dangling"), "No such file or directory");
    use(at("fifo"), "is not a regular file");
    use(at("huge"), "is larger than 16MiB");
    use(loose, "mode 0666 lets others write it");
    use(at("schedctl.toml/x"), "Not a directory");
    use("/dev/zero", "is not a regular file");
  }

  TEST_CASE("a file that may not be read is told, and so is one of a stranger") {
    if (geteuid() != 0) return;  // only root can be somebody else here
    Host host;
    const auto secret = host.folder.write("secret.toml", host.database.toml());
    const auto theirs = host.folder.write("theirs.toml", host.database.toml());
    REQUIRE(chown(theirs.c_str(), 4711, 4711) == 0);
    ProcessOptions options;
    options.env = host.env;
    check_refused(test::run({binary(), "--config", theirs, "process"}, options), 78, "uid 4711");
    options.user = 54321;
    check_refused(test::run({binary(), "--config", secret, "process"}, options), 78,
                  "Permission denied");
  }

  TEST_CASE("a byte order mark and line ends of another system change nothing") {
    Host host;
    auto text =
        "\xEF\xBB\xBF" + host.read("schedctl.toml") + "[process]\nmax_concurrent_jobs = 1\n";
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
      text.replace(at, 1, "\r\n");
    host.replace_config(text);
    const auto job = host.enqueue("noop");

    host.tick();

    CHECK(host.status(job) == "completed");
  }
}
