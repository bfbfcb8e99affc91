// What db::with_literals makes of statements and values, as the server understands it.
#include <doctest/doctest.h>

#include "db/transaction.h"
#include "support/database.h"
#include "util/error.h"

using namespace schedctl;

namespace {

// A connection that sends its parameters as literals, whether there is a pooler or not.
class Session {
 public:
  Session() : connection_(declared(database_.config())) {}

  std::string first(const std::string& sql, const std::vector<db::Param>& params) {
    db::Transaction tx(connection_, db::autocommit);
    const auto rows = tx.exec_text(sql, params);
    return rows[0][0].is_null() ? "(null)" : std::string(rows[0][0].c_str(), rows[0][0].size());
  }
  // Sets something for the session, as other clients may do.
  void set(const std::string& sql) {
    db::Transaction tx(connection_, db::bare);
    tx.exec_text(sql);
  }

 private:
  static config::Database declared(config::Database database) {
    database.pooled = true;
    return database;
  }

  test::Database database_;
  db::Connection connection_;
};

const std::string values[] = {
    "",
    "plain",
    "it's",
    "'; drop schema public; --",
    "back\\slash",
    "\\'",
    "\\",
    "''''\\\\\\'",
    "$1 $2 $$",
    "E'\\x27'",
    "/* no comment */ -- none",
    "tab\tline\r\nend\x01",
    "Größe \xf0\x9f\x98\x80 \xe2\x80\x99",
    "{\"a\": \"b\\u0041\", \"c\": [1, null]}",
    std::string(1'000'000, '\''),
    std::string(100'000, '\\'),
};

}  // namespace

TEST_SUITE("db::literals [db]") {
  TEST_CASE("every value arrives byte for byte, and is never taken for SQL") {
    Session session;
    for (const auto& value : values) {
      CAPTURE(value.substr(0, 40));
      CHECK(session.first("select $1::text", {value}) == value);
      CHECK(session.first("select ($1::text[])[2]", {std::vector<std::string>{"x", value}}) ==
            value);
      CHECK(session.first("select length($2) || $1", {value, "four"}) == "4" + value);
    }
    CHECK(session.first("select $1::text", {nullptr}) == "(null)");
  }

  TEST_CASE("also when the session takes backslashes in strings for escapes") {
    Session session;
    session.set("set standard_conforming_strings = off; set escape_string_warning = off");
    for (const auto& value : values) {
      CAPTURE(value.substr(0, 40));
      CHECK(session.first("select $1::text", {value}) == value);
    }
  }

  TEST_CASE("what is quoted, commented or part of a name is no parameter") {
    Session session;
    CHECK(session.first("select 'it''s $1' || $1", {"!"}) == "it's $1!");
    CHECK(session.first("select a.\"$1\" || a.b$1 from (select $1 as \"$1\", $2 as b$1) a",
                        {"x", "y"}) == "xy");
    CHECK(session.first("select $$ $1 ' $$ || $t$ $$ $1 $t$ || $1", {"x"}) == " $1 '  $$ $1 x");
    CHECK(session.first("-- it's $9\nselect /* '$9' */ $1 -- $9", {"x"}) == "x");
    CHECK(session.first("select $1--$9", {"x"}) == "x");
    CHECK(session.first("select 5 -$1::integer", {"-3"}) == "8");
    CHECK(session.first("select 5-$1", {-3}) == "8");
  }

  TEST_CASE("ten parameters and more are told apart") {
    Session session;
    CHECK(session.first("select concat($1::text, $10::text, $11::text, $2::text)",
                        {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}) == "ajkb");
  }

  TEST_CASE("a value that is not valid UTF-8 is bad data, and nothing is sent") {
    Session session;
    try {
      session.first("select $1::text", {"\xc3\x27"});
      FAIL("taken");
    } catch (const DatabaseError& e) {
      CHECK(e.code() == ExitCode::data);
      CHECK(e.sqlstate() == "22021");
    }
    CHECK(session.first("select $1::text", {"x"}) == "x");
  }

  TEST_CASE("a parameter that nobody gave is a fault of ours") {
    Session session;
    CHECK_THROWS_AS(session.first("select $2::text", {"x"}), Error);
  }
}
