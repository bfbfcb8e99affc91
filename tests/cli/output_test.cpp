#include "cli/output.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

using namespace schedctl;
using namespace schedctl::cli;

namespace {

int widest_line(const std::string& text) {
  int widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, display_width(line));
  return widest;
}

Table jobs() {
  return Table(
      {{"JOB", Column::Kind::number}, {"TYPE"}, {"STATUS", Column::Kind::fixed}, {"ERROR"}});
}

}  // namespace

TEST_SUITE("cli::output") {
  TEST_CASE("a character counts as many columns as it takes on a terminal") {
    CHECK(display_width("") == 0);
    CHECK(display_width("plain") == 5);
    CHECK(display_width("Übergröße") == 9);
    CHECK(display_width("e\u0301") == 1);  // combining acute accent
    CHECK(display_width("日本語") == 6);
    CHECK(display_width("\U0001F680 go") == 5);  // rocket
    CHECK(display_width("…") == 1);
  }

  TEST_CASE("what is too long is cut between characters and says so") {
    CHECK(shorten("short", 5) == "short");
    CHECK(shorten("longer", 5) == "long…");
    CHECK(shorten("日本語", 6) == "日本語");
    CHECK(shorten("日本語", 5) == "日本…");
    CHECK(shorten("日本語", 4) == "日…");  // half a character does not exist
    CHECK(shorten("ae\u0301bc", 3) == "ae\u0301…");
    CHECK(shorten("abc", 1) == "…");
    CHECK(shorten("abc", 0) == "");
  }

  TEST_CASE("numbers stand to the right, text to the left, no line ends in blanks") {
    auto table = jobs();
    table.add({"7", "mail", "failed", "exit 3"});
    table.add({"1234", "a", "lost", ""});

    CHECK(table.text(80, false) ==
          " JOB  TYPE  STATUS  ERROR\n"
          "   7  mail  failed  exit 3\n"
          "1234  a     lost\n");
  }

  TEST_CASE("wide and combining characters keep the columns straight") {
    auto table = jobs();
    table.add({"1", "日本", "failed", "x"});
    table.add({"2", "e\u0301", "failed", "y"});

    CHECK(table.text(80, false) ==
          "JOB  TYPE  STATUS  ERROR\n"
          "  1  日本  failed  x\n"
          "  2  e\u0301     failed  y\n");
  }

  TEST_CASE("a table fits the width by shortening its widest text, never a number or a status") {
    auto table = jobs();
    const std::string name(300, 'n'), error(5000, 'e');
    table.add({"123456789", name, "interrupted", error});

    for (const int width : {40, 50, 80, 200}) {
      const auto text = table.text(width, false);
      CHECK(widest_line(text) == width);
      CHECK(text.find("123456789") != std::string::npos);
      CHECK(text.find("interrupted") != std::string::npos);
    }
    CHECK(table.text(80, false).find(std::string(20, 'n')) != std::string::npos);
    CHECK(table.text(1, false).find("123456789") != std::string::npos);
  }

  TEST_CASE("nothing that a job says can steer the terminal") {
    auto table = jobs();
    table.add({"1", "\x1b[31mred", "failed", "two\nlines\tand \x9b \u202e\x07 \xff"});

    const auto text = table.text(200, false);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\x07') == std::string::npos);
    CHECK(text.find('\t') == std::string::npos);
    CHECK(text.find("\u202e") == std::string::npos);
    CHECK(std::count(text.begin(), text.end(), '\n') == 2);
    CHECK(text.find("\\x1b[31mred") != std::string::npos);
  }

  TEST_CASE("colours wrap the cell and do not count as width") {
    auto table = Table({{"STATUS"}, {"X"}});
    table.add({{"failed", Color::red}, "x"});

    CHECK(table.text(80, true).find("\x1b[31mfailed\x1b[0m  x\n") != std::string::npos);
    CHECK(table.text(80, false).find('\x1b') == std::string::npos);
  }

  TEST_CASE("people read durations in whole seconds once they are long") {
    using namespace std::chrono_literals;
    CHECK(show(std::optional<Duration>()) == "-");
    CHECK(show(std::optional<Duration>(1234ms)) == "1s234ms");
    CHECK(show(std::optional<Duration>(75'500ms)) == "1m15s");
    CHECK(show(std::optional<Time>()) == "-");
  }

  TEST_CASE("JSON values are joined as they are") {
    CHECK(json_array({}) == "[]");
    CHECK(json_array({"{\"n\":123456789012345678901234567890}", "2"}) ==
          "[{\"n\":123456789012345678901234567890},2]");
  }
}
