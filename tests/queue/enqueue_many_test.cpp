#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <random>
#include <regex>
#include <string>
#include <vector>

#include "db/transaction.h"
#include "support/database.h"
#include "util/error.h"

using namespace schedctl;

namespace {

// What becomes of a list that is given to this function: the jobs that it stores, column by column,
// or its refusal. Nothing of it stays.
std::string outcome(db::Connection& connection, const std::string& function,
                    const std::string& list) {
  db::Transaction tx(connection);
  try {
    const auto answer = tx.exec_text(
        "select concat_ws(' ', count(*), count(*) filter (where inserted), array_agg(id order by "
        "ordinality) = array_agg(id order by id)) from " +
            function + "($1) with ordinality",
        {list});
    const auto jobs = tx.exec_text(
        "select string_agg(concat_ws('|', job_type, payload, nullif(scheduled_for, created_at), "
        "priority, max_attempts, group_key, unique_key, timeout_ms, expires_at), ' ' order by id) "
        "from job_queue");
    return fmt::format("{}: {}", answer[0][0].c_str(), jobs[0][0].c_str());
  } catch (const DatabaseError& error) {
    // The default of scheduled_for is each transaction's own.
    static const std::regex now(R"(scheduled_for "[^"]*")");
    return error.sqlstate() + ": " + std::regex_replace(error.what(), now, "scheduled_for");
  }
}

std::string list_of(const std::vector<std::string>& elements) {
  return fmt::format("[{}]", fmt::join(elements, ","));
}

// Jobs that differ in their payloads only, written like those of many producers; then spoilt, or
// not, at a few places.
class Lists {
 public:
  explicit Lists(unsigned seed) : random_(seed) {}

  std::string next() {
    static const std::vector<std::string> shapes = {
        R"({{"job_type":"a","payload":{}}})",
        R"({{"payload": {}, "job_type": "a"}})",
        R"({{"job_type" : "a", "priority" : 7, "payload" : {}}})",
        R"({{ "payload":{} ,"group_key":"g","job_type":"a{{}}","timeout_ms":5 }})",
        R"({{"payload":1,"payload":{},"job_type":"a","expires_at":"2099-01-01Z"}})",
        R"({{"job_type":"a","pay\u006coad":{}}})"};
    static const std::vector<std::string> payloads = {"{}",
                                                      "{ }",
                                                      R"({"n":1})",
                                                      R"({"payload":{},"job_type":"b"})",
                                                      R"({"x":[{"y":"z"}]})",
                                                      "1",
                                                      "[]",
                                                      R"("{}")",
                                                      "null"};
    const auto& shape = one_of(shapes);
    std::vector<std::string> elements;
    for (int i = 0; i < 3; ++i)
      elements.push_back(fmt::format(fmt::runtime(shape), payloads[pick(chance(4) ? 9 : 5)]));
    if (chance(2)) spoil(elements[pick(3)]);
    return list_of(elements);
  }

 private:
  void spoil(std::string& element) {
    static const std::vector<std::string> pieces = {"{",
                                                    "}",
                                                    "[",
                                                    "]",
                                                    ",",
                                                    "\"",
                                                    ":",
                                                    " ",
                                                    "0",
                                                    R"(\u0000)",
                                                    R"("k":1,)",
                                                    "7",
                                                    "1e400000",
                                                    R"(,"x":{})",
                                                    "a",
                                                    R"(\ud800)",
                                                    R"("payload":{},)",
                                                    R"("priority":7.0,)",
                                                    R"("job_type":"b",)"};
    const auto at = pick(element.size());
    element.replace(at, pick(3), one_of(pieces));
  }
  std::size_t pick(std::size_t count) { return random_() % count; }
  bool chance(unsigned of) { return pick(of) == 0; }
  const std::string& one_of(const std::vector<std::string>& some) {
    return some[pick(some.size())];
  }

  std::mt19937 random_;
};

}  // namespace

TEST_SUITE("queue::producers [db]") {
  TEST_CASE("jobs that differ in their payloads only are held against every rule") {
    test::Database database;
    auto connection = database.connect();
    database.query("update settings set value = '300' where key = 'payload_limit'");
    const std::string good = R"({"job_type":"a","payload":{"n":1}})";
    const std::string large(301, 'x');
    const std::vector<std::string> others = {
        R"({"job_type":"a","payload":{"x":"\u0000"}})",
        R"({"job_type":"a","payload":{"\u0000":1}})",
        R"({"job_type":"a","payload":{"x":"\ud800"}})",
        R"({"job_type":"a","payload":{"x":1e400000}})",
        R"({"job_type":"a","payload":{"x":})",
        R"({"job_type":"a","payload":{"x":1}},)",
        R"({"job_type":"a","payload":[1]})",
        R"({"job_type":"a","payload":"{}"})",
        R"({"job_type":"a","payload":null})",
        R"({"job_type":"a","payload":7})",
        R"({"job_type":"a"})",
        R"({"job_type":"a","payload":{},"payload":{}})",
        R"({"job_type":"a","payload":{},"payload":7})",
        R"({"job_type":"a","payload":{"n":1},"prioritty":1})",
        R"({"job_type":"a","payload":{"n":1},"":0})",
        R"({"job_type":"a","payload":{"n":1},"priority":101})",
        R"({"job_type":"a","payload":{"n":1},"unique_key":"k"})",
        R"({"job_type":"b","payload":{"n":1}})",
        R"({"job_type":"","payload":{"n":1}})",
        R"({"job_type":"a", "payload":{"n":1}})",
        R"({"payload":{"n":1},"job_type":"a"})",
        R"({"job_type":"a","payload":{"n":"\u00e9\ud83d\ude00 é😀"}})",
        R"([{"job_type":"a","payload":{"n":1}}])",
        "3",
        "null",
        R"({"job_type":"a","payload":{"x":")" + large + "\"}}",
    };

    for (const auto& other : others)
      for (const auto& list :
           {list_of({good, other, good}), list_of({other, other}), list_of({other, good})}) {
        CAPTURE(list);
        CHECK(outcome(connection, "enqueue_many", list) ==
              outcome(connection, "enqueue_each", list));
      }
    CHECK(outcome(connection, "enqueue_many", list_of({good, others[0]})).substr(0, 10) ==
          "22023: dat");
    CHECK(outcome(connection, "enqueue_many", list_of({good, good})) ==
          R"(2 2 t: a|{"n":1}|5 a|{"n":1}|5)");
  }

  TEST_CASE("a list is stored as its jobs would be one by one, however it is written or spoilt") {
    test::Database database;
    auto connection = database.connect();
    const auto seed = std::random_device()();
    Lists lists(seed);
    CAPTURE(seed);

    int stored = 0;
    for (int i = 0; i < 1'500; ++i) {
      const auto list = lists.next();
      const auto expected = outcome(connection, "enqueue_each", list);
      CAPTURE(list);
      REQUIRE(outcome(connection, "enqueue_many", list) == expected);
      if (expected[0] == '3') ++stored;
    }
    CHECK(stored > 300);
    CHECK(stored < 1'200);
  }

  TEST_CASE(
      "of jobs that differ in their payloads only the first alone is held against the rules") {
    test::Database database;
    auto connection = database.connect();
    database.query("create sequence looks");
    database.query(
        "create or replace function element_fault(element jsonb) returns text language plpgsql as "
        "'begin perform nextval(''looks''); return null; end'");
    const auto looks = [&](const std::vector<std::string>& elements) {
      database.query("select setval('looks', 1, false)");
      database.query("select * from enqueue_many($1)", {list_of(elements)});
      return database.value("select last_value from looks");
    };

    CHECK(looks({R"({"job_type":"a","payload":{}})", R"({"job_type":"a","payload":{"n":1}})",
                 R"({"job_type":"a","payload":{"n":2}})"}) == "1");
    CHECK(
        looks({R"({ "payload" : {"n":2}, "priority" : 7, "job_type" : "a{}", "group_key":"g"})",
               R"({ "payload" : {"n":1}, "priority" : 7, "job_type" : "a{}", "group_key":"g"})"}) ==
        "1");
    CHECK(looks({R"({"job_type":"a","payload":{}})", R"({"job_type":"b","payload":{}})"}) == "3");
    CHECK(looks({R"({"job_type":"a","payload":{},"priority":7})",
                 R"({"job_type":"a","payload":{},"priority":8})"}) == "3");
  }

  TEST_CASE("what is found to be unlike has not been stored in vain") {
    test::Database database;

    database.query("select * from enqueue_many($1)",
                   {list_of({R"({"job_type":"a","payload":{}})", R"({"job_type":"a","payload":{}})",
                             R"({"job_type":"b","payload":{}})"})});

    CHECK(database.value("select string_agg(id || job_type, ' ' order by id) from job_queue") ==
          "1a 2a 3b");
  }
}
