#include "util/text.h"

#include <doctest/doctest.h>

#include <random>

#include "util/error.h"

namespace schedctl {
namespace {

using namespace std::string_literals;

struct IllFormed {
  std::string bytes;
  std::string made_storable;
};

const std::string mark = "\xEF\xBF\xBD";

// The examples of the Unicode Standard, section 3.9, and what PostgreSQL refuses beyond them.
const std::vector<IllFormed> ill_formed = {
    {"\x80", mark},
    {"a\xFF", "a" + mark},
    {"\xC0\xAF", mark + mark},  // overlong slash
    {"\xE0\x80\xAF", mark + mark + mark},
    {"\xED\xA0\x80", mark + mark + mark},  // lone surrogate
    {"\xF4\x90\x80\x80", mark + mark + mark + mark},
    {"\xF1\x80\x80"
     "A",
     mark + "A"},  // cut off: replaced once
    {"\xE2\x82", mark},
    {"\xE2\x82\xE2\x82\xAC", mark + "\xE2\x82\xAC"},
    {"12345678\xC3", "12345678" + mark},
    {"\0"s, mark},
    {"1234\0"
     "5678"s,
     "1234" + mark + "5678"},
    {"12345678\0"s, "12345678" + mark},
};

}  // namespace

TEST_SUITE("util::text") {
  TEST_CASE("well-formed text of every length is storable and stays as it is") {
    for (const std::string& text :
         {""s, "a"s, "plain text that is longer than eight bytes"s, "ä"s, "日本語"s, "😀"s,
          "tab\tline\nfeed"s, "\x7F"s, "12345678é12345678"s, "\uFFFD"s, "\uFEFF"s}) {
      CAPTURE(text);
      CHECK(is_storable(text));
      CHECK(make_storable(text) == text);
    }
  }

  TEST_CASE("each ill-formed sequence and each NUL is found and replaced") {
    for (const auto& [bytes, expected] : ill_formed) {
      CAPTURE(expected);
      CHECK(!is_storable(bytes));
      CHECK(make_storable(bytes) == expected);
    }
  }

  TEST_CASE("whatever comes in, the result is storable and one line on a terminal") {
    std::mt19937 random(70);
    std::uniform_int_distribution<int> byte(0, 255), length(0, 40);
    for (int round = 0; round < 20'000; ++round) {
      std::string bytes(static_cast<std::size_t>(length(random)), '\0');
      for (char& c : bytes) c = static_cast<char>(byte(random));

      const auto storable = make_storable(bytes);
      const auto escaped = escape_control(bytes);

      REQUIRE(is_storable(storable));
      REQUIRE((storable == bytes) == is_storable(bytes));
      REQUIRE(is_storable(escaped));
      for (const char c : escaped) REQUIRE((c == '\t' || static_cast<unsigned char>(c) >= 0x20));
      REQUIRE(escape_control(escaped) == escaped);
    }
  }

  TEST_CASE("what could act on a terminal is shown instead") {
    CHECK(escape_control("a\nb\rc\td") == "a\\nb\\rc\td");
    CHECK(escape_control("\x1b[31mred\x07") == "\\x1b[31mred\\x07");
    CHECK(escape_control("\x7f") == "\\x7f");
    CHECK(escape_control("\u0085\u009b") == "\\u{85}\\u{9b}");
    CHECK(escape_control("\u202egpj.exe\u2066\u200f\u061c") ==
          "\\u{202e}gpj.exe\\u{2066}\\u{200f}\\u{61c}");
    CHECK(escape_control("\u2028\u2029") == "\\u{2028}\\u{2029}");
    CHECK(escape_control("\xff\xe2\x82") == "\\xff\\xe2\\x82");
    CHECK(escape_control("\0"s) == "\\x00");
    CHECK(escape_control("grüße 日本 😀 \\n") == "grüße 日本 😀 \\n");
  }

  TEST_CASE("a size is a number of bytes or has a unit") {
    const std::pair<const char*, std::int64_t> cases[] = {{"0", 0},
                                                          {"1024", 1024},
                                                          {"7B", 7},
                                                          {"64KiB", 65536},
                                                          {"50MB", 50'000'000},
                                                          {"1kB", 1000},
                                                          {"1KB", 1000},
                                                          {"512MiB", 536870912},
                                                          {"2GiB", 2147483648},
                                                          {"3GB", 3'000'000'000},
                                                          {"1TiB", 1LL << 40},
                                                          {"1TB", 1'000'000'000'000},
                                                          {"9223372036854775807", INT64_MAX}};
    for (const auto& [text, expected] : cases) {
      CAPTURE(text);
      CHECK(parse_size(text) == expected);
    }
  }

  TEST_CASE("what is no size is refused with a hint") {
    for (const char* text :
         {"", "KiB", "-1", "-0", "1.5GB", "64 KiB", "64K", "64kib", "5 parsecs", "0x10",
          "9223372036854775808", "8388608TiB", "99999999999999999999MB", "1MBx"}) {
      CAPTURE(text);
      CHECK_THROWS_AS(parse_size(text), DataError);
    }
    CHECK_THROWS_WITH(parse_size("64K"),
                      "\"64K\" is no size: use bytes or e.g. \"64KiB\", \"50MB\" or \"2GiB\"");
  }

  TEST_CASE("a size is written as short as it can be read back") {
    const std::pair<std::int64_t, const char*> cases[] = {{0, "0"},
                                                          {1, "1"},
                                                          {1000, "1kB"},
                                                          {1024, "1KiB"},
                                                          {262144, "256KiB"},
                                                          {50'000'000, "50MB"},
                                                          {1234, "1234"},
                                                          {1LL << 31, "2GiB"},
                                                          {1'000'000'000'000, "1TB"}};
    for (const auto& [bytes, expected] : cases) CHECK(format_size(bytes) == expected);
    for (std::int64_t bytes = 1; bytes < INT64_MAX / 8; bytes = bytes * 5 + bytes % 3)
      CHECK(parse_size(format_size(bytes)) == bytes);
    CHECK(parse_size(format_size(INT64_MAX)) == INT64_MAX);
  }

  TEST_CASE("a hash stays what it is, as it is part of the names of files") {
    CHECK(fnv1a("") == 0xCBF29CE484222325U);
    CHECK(fnv1a("foobar") == 0x85944171F73967E8U);
  }

  TEST_CASE("a slip of the fingers is recognised, a different word is not") {
    const std::vector<std::string> keys = {"max_retries", "max_delay", "base_delay", "jitter",
                                           "url"};
    CHECK(suggestion("max_retry", keys) == "max_retries");
    CHECK(suggestion("max-retries", keys) == "max_retries");
    CHECK(suggestion("jiter", keys) == "jitter");
    CHECK(suggestion("ulr", keys) == "url");
    CHECK(suggestion("base_dealy", keys) == "base_delay");
    CHECK(!suggestion("colour", keys));
    CHECK(!suggestion("", keys));
    CHECK(!suggestion("x", {"y", ""}));
    CHECK(!suggestion(std::string(1'000'000, 'a'), keys));
  }
}

}  // namespace schedctl
