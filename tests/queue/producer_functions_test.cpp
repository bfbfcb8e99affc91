#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "db/transaction.h"
#include "support/database.h"
#include "support/process.h"
#include "util/error.h"

using namespace schedctl;

namespace {

// What the server says to a statement that it refuses with SQLSTATE 22023; else what happened
// instead.
std::string refusal(test::Database& database, const std::string& sql) {
  try {
    database.query(sql);
  } catch (const DatabaseError& error) {
    if (error.sqlstate() == "22023") return error.what();
    return fmt::format("SQLSTATE {}: {}", error.sqlstate(), error.what());
  }
  return "not refused";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string jobs(test::Database& database) {
  return database.value("select count(*) from job_queue");
}

// The statement runs on its own connection until it has to wait for another one.
class Waiting {
 public:
  Waiting(test::Database& database, const std::string& sql)
      : connection_(database.connect()), result_(std::async(std::launch::async, [this, sql] {
          db::Transaction tx(connection_);
          process_ = tx.exec_text("select pg_backend_pid()")[0][0].as<int>();
          const auto answer = tx.exec_text(sql);
          tx.commit();
          return std::string(answer[0][0].c_str());
        })) {
    test::wait_until(
        [&] {
          return database.value("select wait_event_type from pg_stat_activity where pid = $1",
                                {process_.load()}) == "Lock";
        },
        "the statement to wait: " + sql);
  }
  std::string result() { return result_.get(); }

 private:
  db::Connection connection_;
  std::atomic<int> process_{0};  // of the server
  std::future<std::string> result_;
};

void kill_off(test::Database& database, const std::string& id, int attempts,
              int interruptions = 0) {
  database.query(
      "update job_queue set status = 'failed', attempts = $2, interruptions = $3 where id = $1",
      {id, attempts, interruptions});
}

}  // namespace

TEST_SUITE("queue::producers [db]") {
  TEST_CASE("enqueue takes literals, text, json, jsonb and parameters as payload") {
    test::Database database;

    database.query("select enqueue('x')");
    database.query("select enqueue('x', '{\"n\": 1}')");
    database.query("select enqueue('x', '{\"n\": 2}'::text)");
    database.query("select enqueue('x', json_build_object('n', 3))");
    database.query("select enqueue('x', jsonb_build_object('n', 4))");
    database.query("select enqueue('x', $1)", {"{\"n\": 5}"});
    database.query("select enqueue(job_type => 'x', payload => '{\"n\": 6}', group_key => 'g')");
    database.query(
        "select enqueue(job_type => 'x', payload => json_build_object('n', 7), priority => 7)");

    CHECK(
        database.value(
            "select string_agg(coalesce(payload ->> 'n', '-'), ' ' order by id) from job_queue") ==
        "- 1 2 3 4 5 6 7");
  }

  TEST_CASE("enqueue stores what it is told, and defaults for the rest") {
    test::Database database;

    database.query(
        "select enqueue(job_type => 'run-report', payload => '{\"shop\":\"s1\"}', scheduled_for => "
        "'2027-01-02 03:04:05Z', priority => 7, max_attempts => 4, group_key => 's1', unique_key "
        "=> 'r-17', "
        "timeout_ms => 60000, expires_at => '2027-02-01Z')");
    database.query("select enqueue('plain')");

    CHECK(database.value("select concat_ws('|', job_type, payload, extract(epoch from "
                         "scheduled_for)::bigint, priority, "
                         "max_attempts, group_key, unique_key, timeout_ms, extract(epoch from "
                         "expires_at)::bigint, status) "
                         "from job_queue where job_type = 'run-report'") ==
          "run-report|{\"shop\":\"s1\"}|1798859045|7|4|s1|r-17|60000|1801440000|pending");
    CHECK(database.value(
              "select concat_ws('|', payload, scheduled_for = created_at, priority, attempts, "
              "num_nulls(max_attempts, group_key, unique_key, timeout_ms, expires_at)) "
              "from job_queue where job_type = 'plain'") == "{}|t|5|0|5");
  }

  TEST_CASE("a payload is kept byte for byte") {
    test::Database database;
    const std::string payload =
        "{ \"b\":123456789012345678901234567890, \"a\" : 1.50,\"a\":\"\xF0\x9F\x98\x80 \\u202e\"}";

    database.query("select enqueue('x', $1)", {payload});
    database.query("select enqueue('x', $1::json)", {payload});
    database.query("select * from enqueue_many($1)",
                   {"[{\"job_type\":\"x\",\"payload\":" + payload + "}]"});

    CHECK(database.value("select count(*) from job_queue where payload::text = $1", {payload}) ==
          "3");
  }

  TEST_CASE("bad values are refused with one clear line that names parameter, value and remedy") {
    test::Database database;
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"null", "job_type is null: name a handler"},
        {"' '", "job_type \" \" is blank"},
        {"repeat('x', 201)", "is too long: use at most 200 bytes"},
        {"E'a\\nb'", "job_type \"a\\nb\" holds control characters"},
        {"E'a\\u009bb'", "holds control characters"},
        {"'x', null", "payload is null"},
        {"'x', ''", "payload \"\" is not valid"},
        {"'x', 'nope'", "payload \"nope\" is not valid"},
        {"'x', '[1]'", "payload \"[1]\" is no object"},
        {"'x', '[1]'::jsonb", "payload \"[1]\" is no object"},
        {"'x', '{\"a\":\"\\u0000\"}'", "\\u0000 cannot be converted to text"},
        {"'x', '{\"a\":\"\\u0000\"}'::json", "\\u0000 cannot be converted to text"},
        {"'x', '{\"a\":\"\\ud800\"}'", "surrogate"},
        {"'x', '{\"a\":1e400000}'", "overflow"},
        {"'x', '{\"a\":' || repeat('[', 100000) || repeat(']', 100000) || '}'",
         "stack depth limit exceeded"},
        {"'x', priority => null", "priority is null: use 0 (last) to 100 (first)"},
        {"'x', priority => -1", "priority -1: use 0"},
        {"'x', priority => 101", "priority 101: use 0"},
        {"'x', priority => 3000000000", "priority 3000000000: use 0"},
        {"'x', max_attempts => 0", "max_attempts 0: use 1 to 10000"},
        {"'x', max_attempts => 10001", "max_attempts 10001: use 1 to 10000"},
        {"'x', timeout_ms => 0", "timeout_ms 0: use 1"},
        {"'x', timeout_ms => 31536000001", "timeout_ms 31536000001: use 1"},
        {"'x', scheduled_for => 'infinity'", "scheduled_for \"infinity\""},
        {"'x', scheduled_for => '-infinity'", "scheduled_for \"-infinity\""},
        {"'x', scheduled_for => '10000-01-01Z'", "use an instant in the years 1 to 9999"},
        {"'x', expires_at => 'infinity'", "expires_at \"infinity\""},
        {"'x', expires_at => now()", "is not after scheduled_for"},
        {"'x', group_key => ''", "group_key is empty"},
        {"'x', group_key => repeat('g', 501)", "group_key \"gggg"},
        {"'x', group_key => E'\\x1b[2J'", "group_key \"\\u001b[2J\" holds control characters"},
        {"'x', unique_key => ''", "unique_key is empty"},
        {"'x', unique_key => repeat('u', 501)", "use at most 500 bytes"},
        {"'x', unique_key => E'\\t'", "unique_key \"\\t\" holds control characters"},
    };

    for (const auto& [arguments, message] : cases) {
      const auto said = refusal(database, "select enqueue(" + arguments + ")");
      CAPTURE(arguments);
      CAPTURE(said);
      CHECK(holds(said, message));
      CHECK(said.size() < 400);
    }
    CHECK(jobs(database) == "0");
  }

  TEST_CASE("a payload may be as large as the installation allows, and no larger") {
    test::Database database;
    database.query("select enqueue('x', '{\"a\":\"' || repeat('x', 1000000) || '\"}')");
    CHECK(database.value("select octet_length(payload::text) from job_queue") == "1000008");

    database.query("update settings set value = '100' where key = 'payload_limit'");
    database.query("select enqueue('x', '{\"a\":\"' || repeat('x', 92) || '\"}')");
    CHECK(holds(refusal(database, "select enqueue('x', '{\"a\":\"' || repeat('x', 93) || '\"}')"),
                "has 101 bytes: at most 100 are allowed (settings.payload_limit)"));
    CHECK(holds(
        refusal(database,
                "select * from enqueue_many(json_build_array(json_build_object('job_type', 'x', "
                "'payload', json_build_object('a', repeat('x', 101)))))"),
        "jobs[0]: payload "));
    CHECK(jobs(database) == "2");
  }

  TEST_CASE("while a pending or running job holds a unique key, its id is returned") {
    test::Database database;
    const auto first = database.value("select enqueue('x', unique_key => 'k')");

    CHECK(database.value("select enqueue('x', '{\"other\":1}', unique_key => 'k')") == first);
    database.query(
        "update job_queue set status = 'running', locked_by = 1, claim_token = gen_random_uuid()");
    CHECK(database.value("select enqueue('x', unique_key => 'k')") == first);
    CHECK(database.value("select payload from job_queue") == "{}");

    database.query("update job_queue set status = 'failed', locked_by = null, claim_token = null");
    CHECK(database.value("select enqueue('x', unique_key => 'k')") != first);
    CHECK(jobs(database) == "2");
  }

  TEST_CASE("a producer waits for another's uncommitted job with its key and returns that") {
    test::Database database;
    auto connection = database.connect();
    db::Transaction tx(connection);
    const std::string first = tx.exec_text("select enqueue('x', unique_key => 'k')")[0][0].c_str();

    Waiting second(database, "select enqueue('x', unique_key => 'k')");
    tx.commit();

    CHECK(second.result() == first);
    CHECK(jobs(database) == "1");
  }

  TEST_CASE("a producer stores its job when the one that holds the key is about to leave") {
    test::Database database;
    const auto first = database.value("select enqueue('x', unique_key => 'k')");
    auto connection = database.connect();
    db::Transaction tx(connection);
    tx.exec_text("delete from job_queue");

    Waiting second(database,
                   "select id from enqueue_many('[{\"job_type\":\"x\",\"unique_key\":\"k\"}]')");
    tx.commit();

    CHECK(second.result() != first);
    CHECK(jobs(database) == "1");
  }

  TEST_CASE("fifty producers with one unique key make one job") {
    test::Database database;
    std::vector<std::future<std::string>> producers;
    for (int i = 0; i < 50; ++i)
      producers.push_back(std::async(std::launch::async, [&database] {
        auto connection = database.connect();
        db::Transaction tx(connection);
        const std::string id = tx.exec_text("select enqueue('x', unique_key => 'k')")[0][0].c_str();
        tx.commit();
        return id;
      }));

    std::vector<std::string> ids;
    for (auto& producer : producers) ids.push_back(producer.get());

    CHECK(jobs(database) == "1");
    for (const auto& id : ids) CHECK(id == database.value("select id from job_queue"));
  }

  TEST_CASE("enqueue_many answers one row per element, in order") {
    test::Database database;
    const auto held = database.value("select enqueue('old', unique_key => 'held')");

    const auto rows = database.query(
        "select id, inserted from enqueue_many('["
        "{\"job_type\":\"a\"}, {\"job_type\":\"b\",\"unique_key\":\"z\",\"priority\":9}, "
        "{\"job_type\":\"c\",\"unique_key\":\"held\"}, {\"job_type\":\"d\",\"unique_key\":\"z\"}, "
        "{\"job_type\":\"e\",\"payload\":{\"n\":1},\"scheduled_for\":\"2027-01-01T00:00:00Z\","
        "\"group_key\":null}]')");

    REQUIRE(rows.size() == 5);
    std::string seen;
    for (const auto& row : rows)
      seen += database.value("select job_type from job_queue where id = $1", {row[0].c_str()}) +
              row[1].c_str() + " ";
    CHECK(seen == "at bt oldf bf et ");
    CHECK(rows[2][0].c_str() == held);
    CHECK(database.value("select priority from job_queue where job_type = 'b'") == "9");
    CHECK(database.value("select extract(epoch from scheduled_for)::bigint from job_queue where "
                         "job_type = 'e'") == "1798761600");
    CHECK(database.value("select count(*) from enqueue_many('[]')") == "0");
    CHECK(database.value("select count(*) from enqueue_many('[{\"job_type\":\"a\"}]'::json)") ==
          "1");
    CHECK(database.value("select count(*) from enqueue_many('[{\"job_type\":\"a\"}]'::jsonb)") ==
          "1");
  }

  TEST_CASE("enqueue_many stores all or nothing and names the first bad element") {
    test::Database database;
    const std::string good = "{\"job_type\":\"a\"}";
    const std::vector<std::pair<std::string, std::string>> elements = {
        {"3", "jobs[1]: \"3\" is no object"},
        {"null", "jobs[1]: \"null\" is no object"},
        {"{}", "jobs[1]: job_type is null"},
        {"{\"job_type\":\"a\",\"prioritty\":1}", "unknown key"},
        {"{\"job_type\":5}", "jobs[1]: job_type \"5\" is no string"},
        {"{\"job_type\":\"a\",\"payload\":null}", "jobs[1]: payload is null"},
        {"{\"job_type\":\"a\",\"payload\":\"{}\"}", "is no object"},
        {"{\"job_type\":\"a\",\"payload\":{\"x\":\"\\u0000\"}}",
         "\\u0000 cannot be converted to text"},
        {"{\"job_type\":\"a\",\"priority\":null}", "jobs[1]: priority is null"},
        {"{\"job_type\":\"a\",\"priority\":\"7\"}", "priority \"7\" is no number"},
        {"{\"job_type\":\"a\",\"priority\":7.5}",
         "jobs[1]: invalid input syntax for type bigint: \"7.5\""},
        {"{\"job_type\":\"a\",\"priority\":101}", "jobs[1]: priority 101"},
        {"{\"job_type\":\"a\",\"scheduled_for\":\"soon\"}", "jobs[1]: invalid input syntax"},
        {"{\"job_type\":\"a\",\"scheduled_for\":7}", "scheduled_for \"7\" is no string"},
        {"{\"job_type\":\"a\",\"timeout_ms\":true}", "timeout_ms \"true\" is no number"},
        {"{\"job_type\":\"a\",\"max_attempts\":{}}", "max_attempts \"{}\" is no number"},
        {"{\"job_type\":\"a\",\"group_key\":1}", "group_key \"1\" is no string"},
        {"{\"job_type\":\"a\",\"unique_key\":\"\"}", "jobs[1]: unique_key is empty"},
    };

    for (const auto& [element, message] : elements) {
      const auto said = refusal(
          database, "select * from enqueue_many('[" + good + "," + element + "," + good + "]')");
      CAPTURE(element);
      CAPTURE(said);
      CHECK(holds(said, message));
    }
    CHECK(holds(refusal(database, "select * from enqueue_many('{}')"), "is no array"));
    CHECK(holds(refusal(database, "select * from enqueue_many('[')"), "is not valid"));
    CHECK(holds(refusal(database, "select * from enqueue_many(null::json)"), "jobs is null"));
    CHECK(jobs(database) == "0");
  }

  TEST_CASE("cancel ends a pending job at once and keeps who, why and what") {
    test::Database database;
    const auto id = database.value(
        "select enqueue('x', '{\"n\":1}', group_key => 'g', unique_key => 'u', priority => 7)");

    CHECK(database.value("select cancel($1, 'wrong list')", {id}) == "cancelled");

    CHECK(database.value("select status || cancel_reason from job_queue") == "cancelledwrong list");
    CHECK(
        database.value("select concat_ws('|', job_queue_id = $1, status, started_at is null, "
                       "attempt, payload, priority, "
                       "group_key, unique_key, job_scheduled_for is not null) from job_executions",
                       {id}) == "t|cancelled|t|0|{\"n\":1}|7|g|u|t");
    CHECK(database.value(
              "select concat_ws('|', who = session_user, action, job_id = $1, detail ->> 'reason', "
              "detail ->> 'status') from audit_log",
              {id}) == "t|cancel|t|wrong list|pending");
    CHECK(holds(refusal(database, "select cancel(" + id + ")"),
                "job " + id + " is cancelled: only pending and running jobs can be cancelled"));
  }

  TEST_CASE("cancel asks the worker of a running job, and the first to ask is remembered") {
    test::Database database;
    const auto id = database.value("select enqueue('x')");
    database.query(
        "update job_queue set status = 'running', locked_by = 1, claim_token = gen_random_uuid()");

    CHECK(database.value("select cancel($1, 'first')", {id}) == "running");
    CHECK(database.value("select cancel($1, 'second')", {id}) == "running");

    CHECK(database.value(
              "select concat_ws('|', status, cancel_reason, cancel_requested_by = session_user, "
              "cancel_requested_at is not null) from job_queue") == "running|first|t|t");
    CHECK(database.value("select count(*) from job_executions") == "0");
    CHECK(database.value("select count(*) from audit_log") == "2");
  }

  TEST_CASE("cancel waits for a claim in flight and then asks its worker") {
    test::Database database;
    const auto id = database.value("select enqueue('x')");
    auto connection = database.connect();
    db::Transaction claim(connection);
    claim.exec_text(
        "update job_queue set status = 'running', locked_by = 1, claim_token = gen_random_uuid()");

    Waiting cancel(database, "select cancel(" + id + ")");
    claim.commit();

    CHECK(cancel.result() == "running");
    CHECK(database.value("select status from job_queue") == "running");
  }

  TEST_CASE("cancel and retry refuse unknown jobs") {
    test::Database database;

    CHECK(holds(refusal(database, "select cancel(42)"), "there is no job 42 in the queue"));
    CHECK(holds(refusal(database, "select retry(42)"), "there is no job 42 in the queue"));
    CHECK(holds(refusal(database, "select cancel(null)"), "job_id is null"));
    CHECK(holds(refusal(database, "select retry(null)"), "job_id is null"));
  }

  TEST_CASE("retry goes on counting attempts and grants the original number again") {
    test::Database database;
    const auto id = database.value("select enqueue('x', max_attempts => 4)");
    const auto state =
        "select concat_ws(' ', status, attempts, max_attempts, attempts_base, interruptions) from "
        "job_queue";

    kill_off(database, id, 4);
    CHECK(database.value("select retry($1)", {id}) == id);
    CHECK(database.value(state) == "pending 4 8 4 0");
    kill_off(database, id, 8);
    database.query("select retry($1)", {id});
    CHECK(database.value(state) == "pending 8 12 8 0");
    // Two of these were cut off; forgiving them must not shorten what is granted.
    kill_off(database, id, 14, 2);
    database.query("select retry($1)", {id});
    CHECK(database.value(state) == "pending 14 18 14 0");
    CHECK(database.value("select count(*) from audit_log where action = 'retry'") == "3");
  }

  TEST_CASE("retry leaves the number of attempts to the handler where it was") {
    test::Database database;
    const auto id = database.value("select enqueue('x')");

    kill_off(database, id, 4);
    database.query("select retry($1)", {id});

    CHECK(database.value("select concat_ws(' ', attempts, attempts_base, max_attempts is null) "
                         "from job_queue") == "4 4 t");
  }

  TEST_CASE(
      "retry makes a dead job due now, with its error kept and its cancellation and expiry gone") {
    test::Database database;
    const auto id = database.value(
        "select enqueue('x', scheduled_for => '2020-01-01Z', expires_at => '2020-01-02Z')");
    database.query("update job_queue set error_message = 'boom', attempts = 1");
    database.query("select cancel($1, 'no')", {id});

    database.query("select retry($1)", {id});

    CHECK(database.value(
              "select concat_ws('|', status, scheduled_for = updated_at, error_message, "
              "num_nulls(expires_at, "
              "cancel_requested_at, cancel_requested_by, cancel_reason)) from job_queue") ==
          "pending|t|boom|4");
    CHECK(
        holds(refusal(database, "select retry(" + id + ")"),
              "job " + id + " is pending: only failed, timeout and cancelled jobs can be retried"));
  }

  TEST_CASE("retry is refused while another job holds the unique key") {
    test::Database database;
    const auto id = database.value("select enqueue('x', unique_key => 'k')");
    kill_off(database, id, 1);
    database.query("select enqueue('x', unique_key => 'k')");

    CHECK(holds(refusal(database, "select retry(" + id + ")"),
                "another pending or running job holds its unique_key \"k\""));
    CHECK(database.value("select status from job_queue where id = $1", {id}) == "failed");
  }

  TEST_CASE(
      "the public may call none of the functions, and all of them pin their search path or are "
      "pure") {
    test::Database database;

    CHECK(
        database.value("select count(*) from pg_proc p join pg_namespace n on n.oid = pronamespace "
                       "where nspname = current_schema and has_function_privilege('public', p.oid, "
                       "'execute')") == "0");
    CHECK(
        database.value("select string_agg(proname, ' ' order by proname) from pg_proc p "
                       "join pg_namespace n on n.oid = pronamespace where nspname = current_schema "
                       "and not coalesce(proconfig::text like '%search_path=%', false)") ==
        "element_fault enqueue_fault shown");
  }

  TEST_CASE(
      "a unique_key that is spelled with escapes among jobs without one counts all the same") {
    test::Database database;
    database.query("select enqueue('x', unique_key => 'k')");

    CHECK(database.value(R"(select string_agg(inserted::text, ' ' order by id) from enqueue_many(
            '[{"job_type":"a"}, {"job_type":"x","unique\u005fkey":"k"}]'))") == "false true");
    CHECK(database.value("select string_agg(job_type, ' ' order by id) from job_queue") == "x a");
  }

  TEST_CASE("the functions work whatever the caller's search path is") {
    test::Database database;
    auto connection = database.connect(db::Session::plain);
    db::Transaction tx(connection);
    const auto call = [&](const std::string& sql) {
      return std::string(
          tx.exec_text(fmt::format(fmt::runtime(sql), database.schema()))[0][0].c_str());
    };

    const auto id = call("select \"{}\".enqueue('x', unique_key => 'k')");
    CHECK(call("select id from "
               "\"{}\".enqueue_many('[{{\"job_type\":\"x\",\"unique_key\":\"k\"}}]')") == id);
    CHECK(call("select \"{}\".cancel(" + id + ")") == "cancelled");
    CHECK(call("select \"{}\".retry(" + id + ")") == id);
  }
}
