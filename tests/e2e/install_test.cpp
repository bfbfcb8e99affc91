// What "cmake --install" puts where.
#include <doctest/doctest.h>

#include <filesystem>

#include "support/process.h"

using namespace schedctl::test;

namespace {

// Into a folder of its own, as a package is made.
void install(const TempDir& root) {
  const auto end = run({"cmake", "--install", SCHEDCTL_BUILD, "--prefix", "/usr"},
                       {.env = {"DESTDIR=" + root.path()}});
  REQUIRE_MESSAGE(end.exit_code == 0, end.err);
}

}  // namespace

TEST_SUITE("e2e::install") {
  TEST_CASE("everything lies where Debian's programs look for it") {
    const TempDir root;

    install(root);

    for (const char* file :
         {"/usr/bin/schedctl", "/usr/share/man/man1/schedctl.1",
          "/usr/share/man/man1/schedctl-process.1", "/usr/share/man/man5/schedctl.toml.5",
          "/usr/share/bash-completion/completions/schedctl",
          "/usr/share/zsh/vendor-completions/_schedctl",
          "/usr/share/fish/vendor_completions.d/schedctl.fish", "/usr/share/doc/schedctl/README.md",
          "/usr/share/doc/schedctl/examples/crontab.example",
          "/usr/share/doc/schedctl/examples/quickstart/schedctl.toml"})
      CHECK_MESSAGE(std::filesystem::is_regular_file(root.path() + file), file);
    CHECK(run({root / "usr/bin/schedctl", "--version"}).out.starts_with("schedctl "));
    CHECK(run({"grep", "^ExecStart", root / "usr/lib/systemd/system/schedctl.service"})
              .out.starts_with("ExecStart=\"/usr/bin/schedctl\" --config "));
    const auto manual = run({"man", "-M", root / "usr/share/man", "schedctl-process"},
                            {.env = {"PAGER=cat", "LC_ALL=C.UTF-8"}});
    CHECK(manual.out.find("schedctl-process - run what is due") != std::string::npos);
  }
}
