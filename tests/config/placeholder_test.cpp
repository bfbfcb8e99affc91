#include "config/placeholder.h"

#include <doctest/doctest.h>

#include "config/values.h"

namespace schedctl::config {

TEST_SUITE("config::placeholder") {
  TEST_CASE("a placeholder fills part of an argument") {
    for (const char* argument : {"{payload.topic}", "--topic={payload.a.b_c-1}!",
                                 "{payload.a}{payload.b}", "{ {payload.a} }", "{{payload.a}}"}) {
      CAPTURE(argument);
      CHECK_NOTHROW(check_placeholders(argument));
      CHECK(has_placeholder(argument));
    }
  }

  TEST_CASE("all other braces stand for themselves") {
    for (const char* argument :
         {"", "{", "}", "{}", "{{}}", "a}", "{foo}", "{payload}", "{ payload.a}", "{print $1}",
          R"(echo '{"n":1}')", R"({"a.b":{"c":1.5}})", "{1..3}", "${HOME}"}) {
      CAPTURE(argument);
      CHECK_NOTHROW(check_placeholders(argument));
      CHECK_FALSE(has_placeholder(argument));
    }
  }

  TEST_CASE("what looks like a placeholder and is none is refused") {
    for (const char* argument : {"{payload.}", "{payload.a.}", "{payload..a}", "{payload.a b}",
                                 "{secret.x}", "{payloads.x}", "{payload.a", "{payload.{a}}",
                                 "{payload.ä}", "ok {payload.a} {payload.}"}) {
      CAPTURE(argument);
      CHECK_THROWS_AS(check_placeholders(argument), Problem);
    }
  }
}

}  // namespace schedctl::config
