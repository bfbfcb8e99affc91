#include "handlers/placeholder.h"

#include <doctest/doctest.h>

#include "handlers/json_text.h"
#include "util/error.h"

namespace schedctl::handlers {
namespace {

using Words = std::vector<std::string>;

std::string expand_one(const std::string& argument, const std::string& payload) {
  return expand({"program", argument}, payload).at(1);
}

}  // namespace

TEST_SUITE("handlers::placeholder") {
  TEST_CASE("a value fills its place in one argument and is never split or expanded again") {
    const struct {
      std::string argument, payload, expanded;
    } cases[] = {
        {"{payload.a}", R"({"a":"x y; $(id) `id` 'q' \"d\" \\"})", R"(x y; $(id) `id` 'q' "d" \)"},
        {"{payload.a}", R"({"a":"{payload.b}","b":"no"})", "{payload.b}"},
        {"{payload.a}", R"({"a":""})", ""},
        {"--t={payload.a}/{payload.b.c}!", R"({"a":"-x","b":{"c":true}})", "--t=-x/true!"},
        {"{payload.a}", R"({"a":"\u00e4\ud83d\ude00\n\u202e"})", "ä😀\n\u202e"},
        {"{payload.a}", R"({"a":1,"a":2})", "2"},
        {"{payload.a}", R"({ "x" : [ {"a": "}"} , "\"" ] , "a" : false })", "false"},
        {"{payload.a}", R"({"\u0061":"escaped name"})", "escaped name"},
        {"{payload.a.b}", R"({"b":1,"a":{"x":{"b":2},"b":3}})", "3"},
        {"{a} {} {{payload.a}} {payload", R"({"a":1})", "{a} {} {1} {payload"},
    };
    for (const auto& [argument, payload, expanded] : cases) {
      CAPTURE(argument);
      CAPTURE(payload);
      CHECK(expand_one(argument, payload) == expanded);
    }
  }

  TEST_CASE("numbers arrive digit for digit") {
    for (const std::string digits :
         {"0", "-0", "1.50", "123456789012345678901234567890", "1E400000",
          "0.1000000000000000055511151231257827", "18446744073709551616"})
      CHECK(expand_one("n={payload.n}", R"({"m":1e999999,"n":)" + digits + " }") == "n=" + digits);
  }

  TEST_CASE("what cannot be an argument is refused by name") {
    const struct {
      std::string payload, message;
    } cases[] = {
        {"{}", "payload.a.b is missing, but the command needs it"},
        {"", "payload.a.b is missing, but the command needs it"},
        {R"({"a":7})", "payload.a.b is missing, but the command needs it"},
        {R"({"a":{"c":1}})", "payload.a.b is missing, but the command needs it"},
        {R"({"a":{"b":null}})", "payload.a.b is null, but the command needs a value"},
        {R"({"a":{"b":"x\u0000y"}})", "payload.a.b holds a NUL, which no argument can hold"},
        {R"({"a":{"b":"\ud800"}})", "payload.a.b is not valid text"},
        {R"({"a":{"b":[1]}})",
         "payload.a.b is an object or an array; an argument takes a string, a number, true or "
         "false"},
        {R"({"a":{"b":{}}})",
         "payload.a.b is an object or an array; an argument takes a string, a number, true or "
         "false"},
    };
    for (const auto& [payload, message] : cases) {
      CAPTURE(payload);
      CHECK_THROWS_WITH_AS(expand_one("{payload.a.b}", payload), message.c_str(), DataError);
    }
  }

  TEST_CASE("a value cannot become an option") {
    const std::string payload = R"({"a":"-rf","n":-1,"e":""})";
    const auto message =
        "payload.a begins with \"-\" and would be an option; put \"--\" before it in argv";
    CHECK_THROWS_WITH_AS(expand({"rm", "{payload.a}"}, payload), message, DataError);
    CHECK_THROWS_AS(expand({"rm", "{payload.n}"}, payload), DataError);
    CHECK_THROWS_AS(expand({"rm", "{payload.e}{payload.a}"}, payload), DataError);
    CHECK_THROWS_AS(expand({"rm", "-x", "{payload.a}", "--"}, payload), DataError);
    CHECK(expand({"rm", "--", "{payload.a}"}, payload) == Words{"rm", "--", "-rf"});
    CHECK(expand({"rm", "-{payload.a}", "./{payload.a}"}, payload) == Words{"rm", "--rf", "./-rf"});
  }

  TEST_CASE("a payload never chooses the program") {
    CHECK(expand({"{payload.a}", "x"}, R"({"a":"/bin/sh"})") == Words{"{payload.a}", "x"});
  }

  TEST_CASE("a deep payload is read without a deep stack") {
    const std::string deep(200'000, '[');
    const auto payload = R"({"x":)" + deep + std::string(200'000, ']') + R"(,"a":"found"})";
    CHECK(expand_one("{payload.a}", payload) == "found");
    CHECK_FALSE(is_jsonb_object(payload));
  }
}

TEST_SUITE("handlers::json_text") {
  TEST_CASE("only what jsonb takes counts as a result") {
    for (const std::string good : {"{}", R"({"a":[1,2.5e10,"x",null,true,{"b":"ä"}]})",
                                   R"({"n":123456789012345678901234567890})"})
      CHECK_MESSAGE(is_jsonb_object(good), good);
    for (const std::string bad :
         {"", "1", "[]", "\"x\"", "{", "{} {}", "{'a':1}", R"({"a":"\u0000"})", R"({"\u0000":1})",
          R"({"a":"\ud800"})", "{\"a\":\"\xff\"}", R"({"a":1e-20000})", R"({"a":1e999999})",
          R"({"a":NaN})", "\xef\xbb\xbf{}"})
      CHECK_FALSE_MESSAGE(is_jsonb_object(bad), bad);
    const auto nested = [](int depth) {
      return "{\"a\":" + std::string(static_cast<std::size_t>(depth - 1), '[') +
             std::string(static_cast<std::size_t>(depth - 1), ']') + "}";
    };
    CHECK(is_jsonb_object(nested(499)));
    CHECK_FALSE(is_jsonb_object(nested(500)));
  }
}

}  // namespace schedctl::handlers
