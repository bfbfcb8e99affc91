#include "setup/block.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace schedctl;
using namespace schedctl::setup;

namespace {

constexpr const char* place = "crontab of ada";
const std::string id = "1f2e3d4c";
const std::string body = "* * * * * schedctl process\n";

std::string put(const std::string& text, const std::string& lines = body) {
  return with_block(text, id, lines, place);
}

// What the block is refused for; empty: it is taken.
std::string refusal(const std::string& text) {
  try {
    put(text);
    return "";
  } catch (const DataError& e) {
    CHECK_THROWS_AS(without_block(text, id, place), DataError);
    return e.what();
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  REQUIRE(text.find(from) != std::string::npos);
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_SUITE("setup::block") {
  TEST_CASE("the lines of others stay as they are, whatever they hold") {
    for (const std::string& others :
         {std::string(), std::string("\n"), std::string("# mine\n\n\t0 3 * * *  /bin/x 100\\%\n"),
          std::string("A=\"\xff\xfe\"\r\n"), std::string("nul\0inside\n", 11),
          std::string("# BEGIN schedctl 00000000 sum 1 x\nother\n# END schedctl 00000000\n"),
          std::string("# BEGIN schedctl 1f2e3d4c0\n")}) {
      const auto table = put(others);
      CHECK(table.starts_with(others));
      CHECK(table.find(body) != std::string::npos);
      CHECK(without_block(table, id, place) == others);
    }
  }

  TEST_CASE("a last line without its end gets one and nothing else") {
    const auto table = put("0 3 * * * true");

    CHECK(table.starts_with("0 3 * * * true\n# BEGIN schedctl 1f2e3d4c "));
    CHECK(without_block(table, id, place) == "0 3 * * * true\n");
  }

  TEST_CASE("a block is changed where it stands, and not at all when it is as it should be") {
    const auto table = put("before\n") + "after\n";

    CHECK(put(table) == table);
    const auto changed = put(table, "*/5 * * * * schedctl process\n");
    CHECK(changed.starts_with("before\n# BEGIN"));
    CHECK(changed.ends_with("# END schedctl 1f2e3d4c\nafter\n"));
    CHECK(changed.find(body) == std::string::npos);
    CHECK(without_block(changed, id, place) == "before\nafter\n");
  }

  TEST_CASE("blocks of two configurations stand beside each other") {
    const auto both = with_block(put("mine\n"), "aaaaaaaa", "other\n", place);

    CHECK(without_block(both, "aaaaaaaa", place) == put("mine\n"));
    CHECK(without_block(both, id, place) == with_block("mine\n", "aaaaaaaa", "other\n", place));
  }

  TEST_CASE("what a hand has edited is refused with its line") {
    const auto table = put("one\ntwo\n");
    const auto end = "# END schedctl 1f2e3d4c\n";

    CHECK(refusal(table).empty());
    CHECK(refusal(replaced(table, "* * * * *", "*/2 * * * *")).find("crontab of ada:3: ") == 0);
    CHECK(refusal(replaced(table, body, body + "mine\n")).find("up to line 6") !=
          std::string::npos);
    CHECK(refusal(replaced(table, body, "")).find("edited by hand") != std::string::npos);
    CHECK(refusal(replaced(table, end, ""))
              .find("crontab of ada:3: begins a block of schedctl "
                    "that does not end") == 0);
    CHECK(refusal(replaced(table, "# BEGIN", "# BEGUN")).find("crontab of ada:5: ends a block") ==
          0);
    CHECK(refusal(table + table.substr(table.find("# BEGIN"))).find("twice") != std::string::npos);
    CHECK(refusal(replaced(table, end, "") + table).find("a second block") != std::string::npos);
    CHECK(refusal(table + end).find("crontab of ada:6:") == 0);
    // As editors of other systems leave it.
    CHECK(refusal(replaced(table, "process\n", "process\r\n")).find("edited by hand") !=
          std::string::npos);
  }
}
