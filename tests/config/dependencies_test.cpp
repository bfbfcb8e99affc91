#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/config_folder.h"

namespace schedctl {
namespace {

// "a: b c" makes a definition a that depends on b and c, in four lines.
std::string definitions(const std::vector<std::pair<std::string, std::string>>& all) {
  std::string text;
  for (const auto& [name, names] : all)
    text += fmt::format("[job.{}]\nhandler = \"noop\"\nevery = \"1h\"\ndepends_on = [{}]\n", name,
                        names);
  return text;
}

}  // namespace

TEST_SUITE("config::dependencies") {
  TEST_CASE("definitions may wait for others, also several for one") {
    const test::ConfigFolder folder;

    CHECK(folder.error(definitions({{"a", "\"b\", \"c\""},
                                    {"b", "\"d\""},
                                    {"c", "\"d\""},
                                    {"d", ""},
                                    {"e", "\"a\", \"d\""}})) == "");
  }

  TEST_CASE("a dependency that is not declared is refused, with the one that was meant") {
    const test::ConfigFolder folder;
    CHECK(folder.error(definitions({{"backup", ""}, {"b", "\"bakcup\""}})) ==
          "schedctl.toml:8: job.b.depends_on: \"bakcup\" is no definition here: did you mean "
          "\"backup\"?");
    CHECK(folder.error(definitions({{"a", ""}, {"b", "\"no thing\""}})) ==
          "schedctl.toml:8: job.b.depends_on: \"no thing\" is no definition here: "
          "correct it, or remove it");
  }

  TEST_CASE("who waits for itself is refused, and a cycle is named as a whole") {
    const test::ConfigFolder folder;
    CHECK(folder.error(definitions({{"a", "\"a\""}})) ==
          "schedctl.toml:4: job.a.depends_on: \"a\" is the definition itself: remove it");
    CHECK(folder.error(
              definitions({{"a", "\"b\""}, {"b", "\"c\""}, {"c", "\"d\""}, {"d", "\"b\""}})) ==
          "schedctl.toml:8: job.b.depends_on: \"b\" waits for \"c\" waits for \"d\" waits for "
          "\"b\": remove one of these dependencies");
    CHECK(folder.error(definitions({{"a", "\"d\", \"b\""}, {"b", "\"a\""}, {"d", ""}})) ==
          "schedctl.toml:4: job.a.depends_on: \"a\" waits for \"b\" waits for \"a\": remove one of "
          "these dependencies");
  }

  TEST_CASE("a chain of all definitions is walked, and a cycle of all is told in one line") {
    const test::ConfigFolder folder;
    std::vector<std::pair<std::string, std::string>> chain = {{"n0", ""}};
    for (int i = 1; i < 5000; ++i)
      chain.emplace_back(fmt::format("n{}", i), fmt::format("\"n{}\"", i - 1));
    CHECK(folder.error(definitions(chain)) == "");

    chain[0].second = "\"n4999\"";
    const auto error = folder.error(definitions(chain));
    CHECK(
        error.starts_with("schedctl.toml:4: job.n0.depends_on: \"n0\" waits for \"n4999\" waits"));
    CHECK(error.ends_with(" waits for ... waits for \"n0\": remove one of these dependencies"));
    CHECK(error.size() < 600);
  }
}

}  // namespace schedctl
