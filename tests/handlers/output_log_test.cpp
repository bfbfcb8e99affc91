#include "handlers/output_log.h"

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

namespace schedctl::handlers {
namespace {

struct Fixture {
  std::vector<std::string> lines;
  OutputLog::Sink sink = [this](Stream stream, std::string_view line) {
    const char* mark = stream == Stream::out ? "o:" : stream == Stream::err ? "e:" : "s:";
    lines.push_back(mark + std::string(line));
  };
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_SUITE("handlers::output_log") {
  TEST_CASE_FIXTURE(Fixture, "a line is passed on as soon as it is complete") {
    OutputLog log(1000, sink);
    log.write(Stream::out, "first\nsec");
    CHECK(lines == Lines{"o:first"});
    log.write(Stream::err, "other\n");
    log.write(Stream::out, "ond\n\nlast");
    CHECK(lines == Lines{"o:first", "e:other", "o:second", "o:"});
    log.finish();
    CHECK(lines.back() == "o:last");
    CHECK(lines.size() == 5);
  }

  TEST_CASE_FIXTURE(Fixture,
                    "of too much output the head and the tail are kept, with a mark between") {
    OutputLog log(20, sink);
    log.write(Stream::out, "0123456789");
    log.write(Stream::out, "abc\ndefghi\n");
    log.write(Stream::err, "xy\nz");
    CHECK(lines.empty());
    log.finish();
    CHECK(lines == Lines{"o:0123456789", "s:… 5 bytes of 25 cut …", "o:efghi", "e:xy", "e:z"});
  }

  TEST_CASE_FIXTURE(Fixture, "output that just fits is not cut, wherever the middle falls") {
    OutputLog log(20, sink);
    for (int i = 0; i < 5; ++i) log.write(Stream::out, "abc\n");
    log.finish();
    CHECK(lines == Lines(5, "o:abc"));
  }

  TEST_CASE_FIXTURE(Fixture, "whatever the sizes of the writes, the same bytes are kept") {
    std::string text;
    for (int i = 0; i < 400; ++i) text += std::to_string(i * 7919) + "\n";
    Lines expected;
    for (const std::size_t size : {1UL, 2UL, 3UL, 7UL, 64UL, 99UL, 100UL, 101UL, 5000UL}) {
      lines.clear();
      OutputLog log(200, sink);
      for (std::size_t at = 0; at < text.size(); at += size)
        log.write(Stream::out, std::string_view(text).substr(at, size));
      log.finish();
      if (expected.empty()) expected = lines;
      CAPTURE(size);
      CHECK(lines == expected);
      CHECK(log.last_line(Stream::out).text == "3159681");
    }
  }

  TEST_CASE_FIXTURE(Fixture, "a long line is passed on in pieces that end between characters") {
    OutputLog log(1 << 20, sink);
    std::string text = "x";
    for (int i = 0; i < 6000; ++i) text += "ä";
    log.write(Stream::out, text + "\n");
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].size() == 2 + 8191);
    CHECK(lines[0].substr(2) + lines[1].substr(2) == text);
    CHECK(character_boundary(std::string(10, '\x80'), 5) == 5);
  }

  TEST_CASE_FIXTURE(Fixture,
                    "the last line that says something is known, also when its bytes are cut") {
    OutputLog log(20, sink);
    CHECK(log.last_line(Stream::out).text == "");
    log.write(Stream::out, "one\n {\"a\":");
    CHECK(log.last_line(Stream::out).text == "{\"a\":");
    log.write(Stream::out, "1} \r\n  \n\n");
    log.write(Stream::err, std::string(1000, 'e'));
    CHECK(log.last_line(Stream::out).text == "{\"a\":1}");
    log.write(Stream::out, "\nx\ny\n\n \n");
    CHECK(log.last_line(Stream::out).text == "y");
    CHECK(log.last_line(Stream::err).text.size() == 1000);
    log.write(Stream::out, std::string(70'000, 'l'));
    CHECK(log.last_line(Stream::out).text.size() == OutputLog::max_last_line);
    CHECK_FALSE(log.last_line(Stream::out).whole);
    log.write(Stream::out, "\nend");
    CHECK(log.last_line(Stream::out).text == "end");
    CHECK(log.last_line(Stream::out).whole);
  }

  TEST_CASE_FIXTURE(Fixture,
                    "ten million short lines and a gigabyte without one are taken in fast") {
    const auto begin = std::chrono::steady_clock::now();
    OutputLog log(256 * 1024, sink);
    std::string block;
    while (block.size() < 65'536) block += "x\n";
    for (int i = 0; i < 306; ++i) log.write(Stream::out, block);
    const std::string one(65'536, 'x');
    for (int i = 0; i < 16'384; ++i) log.write(Stream::err, one);
    log.finish();
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
    CHECK(lines.size() < 70'000);
  }
}

}  // namespace schedctl::handlers
