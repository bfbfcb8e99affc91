#include "queue/listen.h"

#include <doctest/doctest.h>

#include "queue/worker.h"
#include "support/claims.h"
#include "support/database.h"
#include "support/pooler.h"

using namespace schedctl;

namespace {

// A session that hears what a run hears that lingers here. What it does itself is heard with the
// answer, so there is nothing to wait for.
class Listener {
 public:
  explicit Listener(test::Database& database) : connection_(database.connect()) {
    test::add_worker(connection_);
    db::Transaction tx(connection_, db::autocommit);
    queue::listen(tx, 1);
  }
  int heard(const std::string& statement) {
    {
      db::Transaction tx(connection_, db::autocommit);
      tx.exec_text(statement);
    }
    return connection_.take_notifications();
  }
  db::Connection& connection() { return connection_; }

 private:
  db::Connection connection_;
};

constexpr const char* thousand_jobs =
    "select enqueue_many((select json_agg(json_build_object('job_type', 'x')) "
    "from generate_series(1, 1000)))";

constexpr const char* hears = "whoever listens does it in one";

}  // namespace

TEST_SUITE("queue::listen [db]") {
  TEST_CASE("whoever lingers hears of each way to enqueue, once for each transaction") {
    if (test::needs_session(hears)) return;
    test::Database database;
    Listener listener(database);

    CHECK(listener.heard("select enqueue('x')") == 1);
    CHECK(listener.heard("select enqueue('x') from generate_series(1, 1000)") == 1);
    CHECK(listener.heard(thousand_jobs) == 1);
    CHECK(listener.heard("insert into job_queue (job_type) values ('x'), ('y')") == 1);
    CHECK(database.value("select count(*) from job_queue") == "2003");
  }

  TEST_CASE("whoever lingers hears of a dead job that is retried and of the end of a pause") {
    if (test::needs_session(hears)) return;
    test::Database database;
    Listener listener(database);
    database.query("insert into job_queue (id, job_type, status) values (7, 'x', 'failed')");
    database.query("select pause()");
    listener.heard("select 1");

    CHECK(listener.heard("select retry(7)") == 1);
    CHECK(listener.heard("select resume()") == 1);
    CHECK(listener.heard("select cancel(7)") == 0);
    CHECK(listener.heard("select pause()") == 0);
  }

  TEST_CASE("nothing is sent when nobody lingers") {
    if (test::needs_session(hears)) return;
    test::Database database;
    Listener listener(database);
    REQUIRE(listener.heard("select enqueue('x')") == 1);

    database.query("update workers set lingers = false");

    CHECK(listener.heard("select enqueue('x')") == 0);
    CHECK(listener.heard(thousand_jobs) == 0);
    CHECK(listener.heard("select resume()") == 0);
  }

  TEST_CASE("whoever lingers no longer hears nothing, and is not told") {
    if (test::needs_session(hears)) return;
    test::Database database;
    Listener first(database), second(database);
    {
      db::Transaction tx(first.connection(), db::autocommit);
      queue::unlisten(tx, 1);
    }
    CHECK(database.value("select count(*) from workers where lingers") == "0");
    CHECK(second.heard("select enqueue('x')") == 0);

    database.query("update workers set lingers = true");
    CHECK(second.heard("select enqueue('x')") == 1);
    CHECK(first.heard("select enqueue('x')") == 0);
  }

  TEST_CASE("two installations in one database do not hear of each other's jobs") {
    if (test::needs_session(hears)) return;
    test::Database here, there;
    Listener listener(here), other(there);

    CHECK(other.heard("select enqueue('x')") == 1);
    CHECK(listener.heard("select 1") == 0);
    CHECK(listener.heard("select enqueue('x')") == 1);
  }
}
