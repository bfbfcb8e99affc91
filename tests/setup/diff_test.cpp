#include "setup/diff.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "support/process.h"

using namespace schedctl;
using namespace schedctl::test;

TEST_SUITE("setup::diff") {
  TEST_CASE("equal texts have no difference") {
    CHECK(setup::diff("a\nb\n", "a\nb\n", "x") == "");
    CHECK(setup::diff("", "", "x") == "");
  }

  TEST_CASE("what patch(1) makes of the difference is the new text") {
    const std::string many = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    const std::pair<std::string, std::string> cases[] = {
        {"", "new\n"},
        {"old\n", ""},
        {many, many + "10\n"},
        {many, "0\n" + many},
        {many, "1\n2\n3\n4\nX\nY\n6\n7\n8\n9\n"},
        {"a\nb\na\nb\n", "a\nb\n"},
        {"a\na\na\n", "a\na\na\na\n"},
        {"x", "x\ny\n"},
        {"a\nb", "a\nc"},
    };
    for (const auto& [before, after] : cases) {
      const TempDir folder;
      const auto file = folder.write("text", before);
      ProcessOptions options;
      options.stdin_text = setup::diff(before, after, "text");
      const auto end = run({"patch", "--quiet", "--no-backup-if-mismatch", file}, options);
      REQUIRE_MESSAGE(end.exit_code == 0, end.out << end.err << options.stdin_text);
      std::ifstream patched(file);
      std::ostringstream text;
      text << patched.rdbuf();
      CHECK(text.str() == after);
    }
  }

  TEST_CASE("control characters of a table do not reach the terminal") {
    CHECK(setup::diff("", "\x1b[2J\n", "x").find('\x1b') == std::string::npos);
  }
}
