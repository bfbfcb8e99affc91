#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "queue/claim.h"
#include "support/claims.h"
#include "support/database.h"
#include "util/error.h"

using namespace schedctl;
using namespace std::chrono_literals;
using test::past;
using Ids = std::vector<job::JobId>;
using Class = queue::ClaimClass;

namespace {

struct Queue {
  Queue() {
    auto session = database.connect();
    test::add_worker(session);
  }

  job::JobId add(const std::string& type, const db::Param& group, Time scheduled_for = past) {
    return std::stoll(
        database.value("insert into job_queue (job_type, group_key, scheduled_for) values ($1, $2, "
                       "$3) returning id",
                       {type, group, scheduled_for}));
  }
  job::JobId add_limited(job::JobId definition, Time scheduled_for = past) {
    return std::stoll(
        database.value("insert into job_queue (job_type, definition_id, limited, scheduled_for) "
                       "values ('x', $1, true, $2) returning id",
                       {definition, scheduled_for}));
  }
  job::JobId add_definition(const std::string& name, const db::Param& limit) {
    return std::stoll(
        database.value("insert into job_definitions (name, handler, concurrency_limit) values ($1, "
                       "'x', $2) returning id",
                       {name, limit}));
  }
  // Claims and commits.
  Ids claim(const std::vector<std::string>& types, const queue::Limits& limits, int limit = 1000) {
    auto request = test::claim_request("", limit);
    request.job_types = types;
    db::Transaction tx(connection);
    Ids ids;
    for (const auto& one : queue::claim_guarded(tx, request, Class::guarded, limits))
      ids.push_back(one.claim.id);
    tx.commit();
    return ids;
  }
  Ids claim(int limit = 1000) { return claim({"x"}, {std::nullopt}, limit); }
  void end(job::JobId id) { database.query("delete from job_queue where id = $1", {id}); }

  test::Database database;
  db::Connection connection = database.connect(db::Session::claiming);
};

constexpr std::optional<int> no_limit;

}  // namespace

TEST_SUITE("queue::claim_guarded [db]") {
  TEST_CASE("of a group one job runs at a time, the longest overdue first") {
    Queue queue;
    const auto later = queue.add("x", "g", past + 2s);
    const auto first = queue.add("x", "g", past + 1s);
    const auto other = queue.add("x", "h", past + 3s);

    CHECK(queue.claim() == Ids{first, other});
    CHECK(queue.claim().empty());
    queue.end(first);
    CHECK(queue.claim() == Ids{later});
  }

  TEST_CASE("a group is one over all job types") {
    Queue queue;
    const auto first = queue.add("x", "g");
    queue.add("y", "g", past + 1s);

    CHECK(queue.claim({"x", "y"}, {no_limit, no_limit}) == Ids{first});
    CHECK(queue.claim({"y"}, {no_limit}).empty());
  }

  TEST_CASE("a job that waits for its next attempt does not block its group") {
    Queue queue;
    queue.add("x", "g", past + 48h);
    const auto due = queue.add("x", "g");

    CHECK(queue.claim() == Ids{due});
  }

  TEST_CASE("the fast path does not see jobs of groups and under limits") {
    Queue queue;
    const auto plain = queue.add("x", nullptr);
    queue.add("x", "g");
    queue.add_limited(queue.add_definition("d", 1));

    {
      db::Transaction tx(queue.connection, db::autocommit);
      const auto claimed = queue::claim(tx, test::claim_request("x"));
      REQUIRE(claimed.size() == 1);
      CHECK(claimed[0].claim.id == plain);
    }
    CHECK(queue.claim().size() == 2);
  }

  TEST_CASE("of a limited type so many jobs run as the limit says, in groups and outside") {
    Queue queue;
    const Ids plain{queue.add("x", nullptr), queue.add("x", nullptr, past + 2s)};
    const auto grouped = queue.add("x", "g", past + 1s);
    queue.add("x", nullptr, past + 3s);

    CHECK(queue.claim({"x"}, {2}) == Ids{plain[0], grouped});
    CHECK(queue.claim({"x"}, {2}).empty());
    queue.end(grouped);
    CHECK(queue.claim({"x"}, {2}) == Ids{plain[1]});
  }

  TEST_CASE("a type at its limit keeps no other from running") {
    Queue queue;
    for (int i = 0; i < 3; ++i) queue.add("x", nullptr);
    const auto other = queue.add("y", "g", past + 1min);

    CHECK(queue.claim({"x", "y"}, {1, no_limit}) == Ids{1, other});
    CHECK(queue.claim({"x", "y"}, {1, no_limit}).empty());
  }

  TEST_CASE("of a limited definition so many jobs run as it allows") {
    Queue queue;
    const auto two = queue.add_definition("two", 2), free = queue.add_definition("free", nullptr);
    Ids of_two, of_free;
    for (int i = 0; i < 4; ++i) of_two.push_back(queue.add_limited(two, past + i * 1s));
    for (int i = 0; i < 3; ++i) of_free.push_back(queue.add_limited(free, past + 1h));

    CHECK(queue.claim() == Ids{of_two[0], of_two[1], of_free[0], of_free[1], of_free[2]});
    queue.end(of_two[0]);
    CHECK(queue.claim() == Ids{of_two[2]});
  }

  TEST_CASE("one group's long line does not hide the groups behind it") {
    Queue queue;
    queue.database.query(
        "insert into job_queue (job_type, group_key, scheduled_for) "
        "select 'x', 'long', $1::timestamptz from generate_series(1, 3000)",
        {past});
    Ids others;
    for (const auto* group : {"a", "b", "z"}) others.push_back(queue.add("x", group, past + 1s));

    CHECK(queue.claim(2) == Ids{1});
    CHECK(queue.claim(2) == Ids{others[0], others[1]});
    CHECK(queue.claim(5) == Ids{others[2]});
    CHECK(queue.claim(5).empty());
  }

  TEST_CASE("two types bring no more than one job of a group, also from behind a long line") {
    Queue queue;
    queue.database.query(
        "insert into job_queue (job_type, group_key, scheduled_for) "
        "select 'y', 'busy', $1::timestamptz from generate_series(1, 600)",
        {past});
    REQUIRE(queue.claim({"y"}, {no_limit}, 1) == Ids{1});
    const auto first = queue.add("x", "g", past + 1s);
    queue.add("y", "g", past + 2s);

    CHECK(queue.claim({"x", "y"}, {no_limit, no_limit}, 3) == Ids{first});
  }

  TEST_CASE("a definition's long line at its limit does not hide what is behind it") {
    Queue queue;
    const auto full = queue.add_definition("full", 1);
    queue.database.query(
        "insert into job_queue (job_type, definition_id, limited, scheduled_for) "
        "select 'x', $1::bigint, true, $2::timestamptz from generate_series(1, 700)",
        {full, past});
    const auto behind = queue.add("x", "g", past + 1s);

    CHECK(queue.claim(1) == Ids{1});
    CHECK(queue.claim(1) == Ids{behind});
    CHECK(queue.claim(1).empty());
  }

  TEST_CASE("many groups are claimed in order, each job once") {
    Queue queue;
    queue.database.query(
        "insert into job_queue (job_type, group_key, scheduled_for) "
        "select 'x', 'g' || i % 100, $1::timestamptz + i * interval '1 ms' "
        "from generate_series(1, 1000) i",
        {past});

    std::set<job::JobId> seen;
    for (int round = 0; round < 10; ++round) {
      const auto claimed = queue.claim();
      REQUIRE(claimed.size() == 100);
      CHECK(claimed.front() == round * 100 + 1);
      seen.insert(claimed.begin(), claimed.end());
      queue.database.query("delete from job_queue where status = 'running'");
    }
    CHECK(seen.size() == 1000);
  }

  TEST_CASE("a second claim waits for the first, and then sees what that one runs") {
    Queue queue;
    queue.add("x", "g");
    queue.add("x", "g");
    auto other = queue.database.connect(db::Session::claiming);
    db::Transaction first(queue.connection);
    REQUIRE(
        queue::claim_guarded(first, test::claim_request("x"), Class::guarded, {no_limit}).size() ==
        1);

    db::Transaction second(other);
    second.exec_text("set local lock_timeout = '50ms'");
    CHECK_THROWS_AS(
        queue::claim_guarded(second, test::claim_request("x"), Class::guarded, {no_limit}),
        DatabaseError);
    first.commit();
    CHECK(queue.claim().empty());
  }

  TEST_CASE("the database itself refuses a second running job of a group") {
    Queue queue;
    queue.add("x", "g");
    queue.add("x", "g");
    REQUIRE(queue.claim().size() == 1);

    CHECK_THROWS_AS(
        queue.database.query("update job_queue set status = 'running', locked_by = 1, "
                             "claim_token = gen_random_uuid() where status = 'pending'"),
        DatabaseError);
  }

  TEST_CASE("jobs that were cut off before are claimed apart") {
    Queue queue;
    const auto cut = queue.add("x", "g"), sound = queue.add("x", "h");
    const auto plain = queue.add("x", nullptr);
    queue.database.query("update job_queue set interruptions = 1 where id <> $1", {sound});
    const auto request = test::claim_request("x");

    db::Transaction tx(queue.connection);
    const auto open = queue::claim(tx, request);
    const auto others = queue::claim_guarded(tx, request, Class::guarded, {no_limit});
    const auto interrupted = queue::claim_guarded(tx, request, Class::interrupted, {no_limit});

    CHECK(open.empty());
    REQUIRE(others.size() == 1);
    CHECK(others[0].claim.id == sound);
    REQUIRE(interrupted.size() == 2);
    CHECK(interrupted[0].claim.id == cut);
    CHECK(interrupted[1].claim.id == plain);
  }

  TEST_CASE("an interrupted job waits for its group too") {
    Queue queue;
    queue.add("x", "g");
    REQUIRE(queue.claim().size() == 1);
    const auto cut = queue.add("x", "g");
    queue.database.query("update job_queue set interruptions = 1 where id = $1", {cut});

    db::Transaction tx(queue.connection);
    CHECK(
        queue::claim_guarded(tx, test::claim_request("x"), Class::interrupted, {no_limit}).empty());
  }

  TEST_CASE("levels keep the classes of claims apart") {
    Queue queue;
    queue.add("x", nullptr);
    queue.add("x", "g", past + 1s);
    const auto cut = queue.add("x", "g", past + 2s);
    queue.database.query("update job_queue set interruptions = 1 where id = $1", {cut});

    db::Transaction tx(queue.connection);
    const auto found = queue::waiting(tx, {"x"}).levels;

    REQUIRE(found.size() == 3);
    CHECK(found[0].claim_class == Class::open);
    CHECK(found[1].claim_class == Class::guarded);
    CHECK(found[2].claim_class == Class::interrupted);
    CHECK(found[2].first == past + 2s);
  }
}
