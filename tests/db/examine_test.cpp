#include "db/examine.h"

#include <doctest/doctest.h>

#include "db/migrate.h"
#include "support/host.h"

using namespace schedctl;
using namespace schedctl::test;

TEST_SUITE("db::examine [db]") {
  TEST_CASE("nothing is missing from a schema that was just migrated") {
    Database database;
    auto connection = database.connect();
    db::Transaction tx(connection);

    CHECK(db::missing_pieces(tx).empty());
    CHECK(db::missing_rights(tx).empty());
    CHECK(tx.exec_text("select length(value) > 1000 from settings where key = 'pieces'")[0][0]
              .as<bool>());
  }

  TEST_CASE("schedctl test names what somebody has taken away, and a run ends with 78") {
    struct Damage {
      const char* sql;
      const char* named;
      int exit_code;  // of a run
    };
    for (const auto& [sql, named, exit_code] :
         {Damage{"drop index job_queue_due", "index job_queue_due", 0},
          Damage{"alter table job_queue alter priority type text using priority::text",
                 "column job_queue.priority smallint not null", 78},
          Damage{"alter table job_executions drop column worker cascade",
                 "column job_executions.worker text", 78},
          Damage{"drop function enqueue_many(jsonb)", "function enqueue_many(jobs jsonb)", 0},
          Damage{"drop table job_logs", "column job_logs.message text", 0}}) {
      CAPTURE(sql);
      Host host;
      host.handler("quiet", "true");
      host.enqueue("quiet");
      const auto drop_checks =
          "do $$ declare c record; begin for c in select conname from pg_constraint where "
          "conrelid = 'job_queue'::regclass and pg_get_constraintdef(oid) like '%priority%' loop "
          "execute format('alter table job_queue drop constraint %I', c.conname); end loop; end $$";
      if (std::string(sql).find("priority") != std::string::npos) {
        host.database.query("drop view jobs cascade");
        host.database.query(drop_checks);
        host.database.query("drop index if exists job_queue_due cascade");
      }
      host.database.query(sql);

      const auto tested = host.run({"test"});
      CHECK(tested.exit_code == 1);
      CHECK_MESSAGE(tested.out.find(named) != std::string::npos, tested.out);
      const auto run = host.process();
      CHECK_MESSAGE(run.exit_code == exit_code, run.err);
      if (exit_code == 78) CHECK(run.err.find("schedctl test") != std::string::npos);
    }
  }
}
