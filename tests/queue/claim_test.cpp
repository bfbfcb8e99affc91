#include "queue/claim.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "support/claims.h"
#include "support/database.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::past;
using Ids = std::vector<job::JobId>;

namespace {

job::JobId insert_urgent(test::Database& database, const std::string& type, int priority,
                         Time scheduled_for = past) {
  return std::stoll(database.value(
      "insert into job_queue (job_type, priority, scheduled_for) values ($1, $2, $3) returning id",
      {type, priority, scheduled_for}));
}

Ids ids_in(const std::vector<queue::Claimed>& claimed) {
  Ids ids;
  for (const auto& one : claimed) ids.push_back(one.claim.id);
  return ids;
}

}  // namespace

TEST_SUITE("queue::claim [db]") {
  TEST_CASE("two workers that claim at the same time never get the same job") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    for (int i = 0; i < 10; ++i) database.insert_pending("x");
    auto one = database.connect(db::Session::claiming);
    auto other = database.connect(db::Session::claiming);

    db::Transaction tx_one(one), tx_other(other);
    const auto first = ids_in(queue::claim(tx_one, test::claim_request("x", 6)));
    const auto second = ids_in(queue::claim(tx_other, test::claim_request("x", 6)));
    tx_one.commit();
    tx_other.commit();

    CHECK(first == Ids{1, 2, 3, 4, 5, 6});
    CHECK(second == Ids{7, 8, 9, 10});
    CHECK(database.value("select count(distinct execution_id) from job_queue where status = "
                         "'running'") == "10");
  }

  TEST_CASE("a claim that is not committed leaves the jobs to others") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);

    {
      db::Transaction given_up(connection);
      REQUIRE(queue::claim(given_up, test::claim_request("x")).size() == 1);
    }
    const auto claims = test::claim(connection, test::claim_request("x"));

    REQUIRE(claims.size() == 1);
    CHECK(claims[0].attempt == 1);
  }

  TEST_CASE("a claimed job is running, with its worker, token and execution") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    auto request = test::claim_request("x");
    request.worker = 42;

    const auto claims = test::claim(connection, request);

    REQUIRE(claims.size() == 1);
    CHECK(claims[0].token == request.token);
    CHECK(database.value("select concat_ws(' ', status, attempts, locked_by, claim_token, "
                         "execution_id) from job_queue") ==
          "running 1 42 " + request.token + " " + std::to_string(claims[0].execution_id));
    CHECK(db::time_of(database.query("select locked_at from job_queue")[0][0]) == request.now);
  }

  TEST_CASE("levels come most urgent first, each with the time of its first job") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    insert_urgent(database, "a", 5);
    insert_urgent(database, "a", 9, past + 2min);
    insert_urgent(database, "a", 9, past + 1min);
    insert_urgent(database, "b", 7);
    insert_urgent(database, "b", 9);
    insert_urgent(database, "unhandled", 100);
    auto connection = database.connect(db::Session::claiming);

    db::Transaction tx(connection);
    const auto found = queue::waiting(tx, {"a", "b", "none"}).levels;

    std::vector<std::tuple<std::string, int, Time>> seen;
    for (const auto& level : found) seen.emplace_back(level.job_type, level.priority, level.first);
    CHECK(seen ==
          decltype(seen){{"b", 9, past}, {"a", 9, past + 1min}, {"b", 7, past}, {"a", 5, past}});
  }

  TEST_CASE("a level of tomorrow is told, so that a run knows how long it may wait") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    insert_urgent(database, "a", 5, past + 48h);
    auto connection = database.connect(db::Session::claiming);

    db::Transaction tx(connection);
    const auto found = queue::waiting(tx, {"a"}).levels;

    REQUIRE(found.size() == 1);
    CHECK(found[0].first == past + 48h);
  }

  TEST_CASE("the longest overdue job comes first, among equals the one with the lowest id") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    const auto late = database.insert_pending("x", past + 2min);
    const auto equal = database.insert_pending("x", past + 1min);
    const auto second = database.insert_pending("x", past + 1min);
    const auto oldest = database.insert_pending("x", past);
    auto connection = database.connect(db::Session::claiming);

    CHECK(test::ids_of(test::claim(connection, test::claim_request("x", 2))) == Ids{oldest, equal});
    CHECK(test::ids_of(test::claim(connection, test::claim_request("x"))) == Ids{second, late});
  }

  TEST_CASE("the longest overdue job comes first across job types too") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    const auto younger = database.insert_pending("a", past + 1min);
    const auto older = database.insert_pending("b", past);
    auto connection = database.connect(db::Session::claiming);
    auto request = test::claim_request("a", 1);
    request.job_types = {"a", "b"};
    request.after = {{}, {}};

    CHECK(test::ids_of(test::claim(connection, request)) == Ids{older});
    CHECK(test::ids_of(test::claim(connection, request)) == Ids{younger});
  }

  TEST_CASE("jobs of the future, of other types and of other priorities are left alone") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    auto request = test::claim_request("x");
    database.insert_pending("x", request.now + std::chrono::microseconds(1));
    database.insert_pending("y");
    insert_urgent(database, "x", 6);
    database.query(
        "insert into job_queue (job_type, scheduled_for, status) "
        "values ('x', $1, 'failed'), ('x', $1, 'timeout'), ('x', $1, 'cancelled')",
        {past});
    const auto due = database.insert_pending("x", request.now);
    auto connection = database.connect(db::Session::claiming);

    CHECK(test::ids_of(test::claim(connection, request)) == Ids{due});
    CHECK(database.value("select count(*) from job_queue where attempts > 0") == "1");
  }

  TEST_CASE("the next claim goes on behind the position that it is given") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    const auto before = database.insert_pending("x", past);
    const auto at = database.insert_pending("x", past + 1min);
    const auto same_time = database.insert_pending("x", past + 1min);
    const auto behind = database.insert_pending("x", past + 2min);
    auto connection = database.connect(db::Session::claiming);
    auto request = test::claim_request("x");
    request.after = {{past + 1min, at}};

    CHECK(test::ids_of(test::claim(connection, request)) == Ids{same_time, behind});
    request.after = {{}};
    CHECK(test::ids_of(test::claim(connection, request)) == Ids{before, at});
  }

  TEST_CASE("a job is expired from the moment in its expires_at on") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    const auto request = test::claim_request("x");
    database.query(
        "insert into job_queue (job_type, scheduled_for, expires_at) "
        "values ('x', $1, $2), ('x', $1, $3), ('x', $1, null)",
        {past, request.now, request.now + std::chrono::microseconds(1)});
    auto connection = database.connect(db::Session::claiming);

    const auto claims = test::claim(connection, request);

    REQUIRE(claims.size() == 3);
    CHECK(claims[0].expired);
    CHECK_FALSE(claims[1].expired);
    CHECK_FALSE(claims[2].expired);
  }

  TEST_CASE("the payload arrives byte for byte") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    const std::string payload =
        "{ \"b\" :1.00,\n\t\"a\": 123456789012345678901234567890, \"b\":\"\\u00e9\xc3\xa9\\\\\" }";
    database.insert_pending("x", past, payload);
    auto connection = database.connect(db::Session::claiming);

    const auto claims = test::claim(connection, test::claim_request("x"));

    REQUIRE(claims.size() == 1);
    CHECK(claims[0].payload == payload);
  }

  TEST_CASE("a large payload comes after its claim, byte for byte, to whoever still holds it") {
    test::Database database;
    std::string payload = "{\"x\":\"";
    while (payload.size() < 100'000) payload += queue::draw_token();  // does not compress well
    payload += "\"}";
    database.insert_pending("x", past, payload);
    auto connection = database.connect(db::Session::claiming);
    auto claim = test::claim(connection, test::claim_request("x", 1)).at(0);
    CHECK(claim.payload_left_out);
    CHECK(claim.payload.empty());

    db::Transaction tx(connection, db::autocommit);
    auto stale = claim;
    stale.token = queue::draw_token();

    CHECK_FALSE(queue::load_payload(tx, stale));
    CHECK(stale.payload_left_out);
    CHECK(queue::load_payload(tx, claim));
    CHECK_FALSE(claim.payload_left_out);
    CHECK((claim.payload == payload));
  }

  TEST_CASE("types that do not read the payload do not fetch it") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    database.insert_pending("x", past, "{\"a\":1}");
    auto connection = database.connect(db::Session::claiming);
    auto request = test::claim_request("x");
    request.with_payload = false;

    const auto claims = test::claim(connection, request);

    REQUIRE(claims.size() == 1);
    CHECK(claims[0].payload.empty());
  }

  TEST_CASE("the idempotency key is the job's own and the same on every attempt") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    database.insert_pending("x");
    database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    const auto first = test::claim(connection, test::claim_request("x"));
    REQUIRE(first.size() == 2);
    test::settle(connection, {test::settled(first[0], {.result = job::Result::failed}),
                              test::settled(first[1], {.result = job::Result::failed})});

    const auto second = test::claim(connection, test::claim_request("x"));

    REQUIRE(second.size() == 2);
    CHECK(second[0].attempt == 2);
    CHECK(first[0].idempotency_key != first[1].idempotency_key);
    for (const auto& again : second)
      CHECK(again.idempotency_key == first[again.id == first[0].id ? 0 : 1].idempotency_key);
    CHECK(first[0].idempotency_key.starts_with("here-"));
  }

  TEST_CASE("what people are shown as due is what a claim would take, in its order") {
    test::Database database;
    {
      auto session = database.connect();
      test::add_worker(session);
    }
    const auto ordinary = database.insert_pending("x");
    const auto urgent = insert_urgent(database, "x", 9, past + 1min);
    database.insert_pending("x", past + 2h);
    database.insert_pending("y");
    auto connection = database.connect();

    db::Transaction tx(connection);
    const auto rows = queue::due(tx, past + 1h, {"x"}, 10);

    REQUIRE(rows.size() == 2);
    CHECK(rows[0]["id"].as<job::JobId>() == urgent);
    CHECK(rows[1]["id"].as<job::JobId>() == ordinary);
    CHECK(rows[1]["attempt"].as<int>() == 1);
  }

  TEST_CASE("tokens are random UUIDs") {
    const auto token = queue::draw_token();

    CHECK(token.size() == 36);
    CHECK(token[14] == '4');
    CHECK(std::string("89ab").find(token[19]) != std::string::npos);
    CHECK(token != queue::draw_token());
  }

  TEST_CASE("a worker that was removed claims nothing") {
    test::Database database;
    database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    db::Transaction tx(connection, db::autocommit);

    CHECK(queue::claim(tx, test::claim_request("x")).empty());
    CHECK(database.value("select status from job_queue") == "pending");
  }

  TEST_CASE("what a claim took whose answer was lost is given back by its token") {
    test::Database database;
    database.insert_pending("x");
    database.insert_pending("x");
    auto connection = database.connect(db::Session::claiming);
    const auto lost = test::claim(connection, test::claim_request("x", 1)).at(0);
    const auto kept = test::claim(connection, test::claim_request("x", 1)).at(0);

    db::Transaction tx(connection, db::autocommit);
    queue::give_back(tx, 1, lost.token);

    const auto state = "select status || ' ' || attempts from job_queue where id = $1";
    CHECK(database.query(state, {lost.id})[0][0].as<std::string>() == "pending 0");
    CHECK(database.query(state, {kept.id})[0][0].as<std::string>() == "running 1");
  }
}
