// What each role of an installation may do, table by table and by the real commands.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "db/migrate.h"
#include "support/host.h"
#include "util/error.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// The tests' own user is no superuser; the server lets everybody in who comes by its socket.
std::string url_of(const std::string& user) {
  auto url = server_url();
  const auto at = url.find("user=");
  REQUIRE(at != std::string::npos);
  return url.replace(at, url.find('&', at) - at, "user=" + user);
}

void as_superuser(const Database& database, const std::string& sql) {
  auto settings = database.config();
  settings.url = url_of("postgres");
  db::Connection connection(settings, db::Session::plain);
  db::Transaction tx(connection, db::autocommit);
  tx.exec_text(sql);
}

void make_roles(const Database& database) {
  as_superuser(database, db::roles_script(database.schema()));
  // Who made the schema goes on owning it, and can drop it in the end.
  as_superuser(database, "grant schedctl_owner to schedctl");
}

// "job_queue SIUD": the tables and views on which a role has rights, with their first letters.
std::string rights(Database& database, const std::string& role) {
  return database.value(
      "select string_agg(relname || ' ' || rights, ', ' order by relname) from ("
      "  select relname, concat("
      "    case when has_table_privilege($1, c.oid, 'select') then 'S' end,"
      "    case when has_table_privilege($1, c.oid, 'insert') then 'I' end,"
      "    case when has_table_privilege($1, c.oid, 'update') then 'U' end,"
      "    case when has_table_privilege($1, c.oid, 'delete') then 'D' end,"
      "    case when has_table_privilege($1, c.oid, 'truncate') then 'T' end,"
      "    case when has_table_privilege($1, c.oid, 'trigger, references') then 'X' end) as rights"
      "    from pg_class c where relnamespace = current_schema()::regnamespace and relkind in "
      "('r', "
      "'v')) r where rights <> ''",
      {role});
}

std::string functions(Database& database, const std::string& role) {
  return database.value(
      "select string_agg(distinct proname, ' ' order by proname) from pg_proc "
      "where pronamespace = current_schema()::regnamespace "
      "and has_function_privilege($1, oid, 'execute')",
      {role});
}

// A user who is a member of a role, for the commands of a host.
class Member {
 public:
  Member(Host& host, const std::string& role) : host_(host), name_(host.database.schema() + role) {
    as_superuser(host.database, fmt::format("create role \"{}\" login in role {}", name_, role));
    env_ = {"SCHEDCTL_DATABASE_URL=" + url_of(name_)};
  }
  ~Member() { as_superuser(host_.database, fmt::format("drop role \"{}\"", name_)); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  ProcessResult run(const std::vector<std::string>& arguments) const {
    return host_.start(arguments, env_).wait();
  }
  int exit_code(const std::vector<std::string>& arguments) const {
    const auto end = run(arguments);
    INFO(end.err);
    CHECK((end.exit_code == 0 || !end.err.empty()));
    return end.exit_code;
  }
  const std::string& name() const { return name_; }

 private:
  Host& host_;
  std::string name_;
  std::vector<std::string> env_;
};

}  // namespace

TEST_SUITE("db::roles [db]") {
  TEST_CASE("each role has its rights on tables and functions and no others, the public none") {
    Database database;
    make_roles(database);
    make_roles(database);  // twice is no change

    CHECK(
        rights(database, "schedctl_worker") ==
        "audit_log S, current_pause S, declarations SIUD, definitions S, executions S, hosts SIUD, "
        "job_definitions SIUD, job_executions SIUD, job_logs SIUD, job_queue SIUD, jobs S, "
        "schema_migrations S, settings S, workers SIUD");
    CHECK(rights(database, "schedctl_producer") == "schema_migrations S, settings S");
    CHECK(rights(database, "schedctl_viewer") ==
          "audit_log S, current_pause S, declarations S, definitions S, executions S, hosts S, "
          "job_logs S, "
          "schema_migrations S, settings S, workers S");
    CHECK(functions(database, "schedctl_producer") == "cancel enqueue enqueue_many retry");
    CHECK(functions(database, "schedctl_viewer").empty());
    CHECK(rights(database, "public").empty());
    CHECK(functions(database, "public").empty());
    for (const auto* role : {"schedctl_worker", "schedctl_producer", "schedctl_viewer", "public"})
      CHECK(database.value("select has_schema_privilege($1, current_schema, 'create')", {role}) ==
            "f");
  }

  TEST_CASE("a worker draws from the sequences, and nobody sets them") {
    Database database;
    make_roles(database);
    const auto sequences = [&](const std::string& role, const std::string& right) {
      return database.value(
          "select count(*) filter (where has_sequence_privilege($1, c.oid, $2)) || ' of ' || "
          "count(*) from pg_class c where relnamespace = current_schema()::regnamespace and "
          "relkind = 'S'",
          {role, right});
    };
    const auto all = database.value(
        "select count(*) from pg_class where relnamespace = current_schema()::regnamespace and "
        "relkind = 'S'");

    CHECK(sequences("schedctl_worker", "usage") == all + " of " + all);
    CHECK(sequences("schedctl_worker", "update") == "0 of " + all);
    for (const auto* role : {"schedctl_producer", "schedctl_viewer", "public"})
      CHECK(sequences(role, "usage, select, update") == "0 of " + all);
  }

  TEST_CASE("what a superuser's migration makes belongs to the owner of the schema") {
    Database database(Database::Content::nothing);
    struct Enough {};
    auto first = database.connect(db::Session::plain);
    REQUIRE_THROWS_AS(db::migrate(first,
                                  [](const db::Migration& step) {
                                    if (step.version == 4) throw Enough();
                                  }),
                      Enough);
    as_superuser(database,
                 "do $$ begin if not exists (select from pg_roles where rolname = "
                 "'schedctl_owner') then create role schedctl_owner nologin; end if; "
                 "end $$");
    as_superuser(database, "grant schedctl_owner to schedctl");
    as_superuser(
        database,
        fmt::format("do $$ declare o record; begin "
                    "for o in select oid::regclass::text as name from pg_class where relnamespace "
                    "= '{0}'::regnamespace and relkind in ('r', 'v') loop "
                    "execute format('alter table %s owner to schedctl_owner', o.name); end loop; "
                    "for o in select oid::regprocedure::text as name from pg_proc where "
                    "pronamespace = '{0}'::regnamespace loop "
                    "execute format('alter function %s owner to schedctl_owner', o.name); end "
                    "loop; end $$; alter sequence {0}.execution_ids owner to "
                    "schedctl_owner; alter schema {0} owner to schedctl_owner",
                    database.schema()));
    auto settings = database.config();
    settings.url = url_of("postgres");
    db::Connection superuser(settings, db::Session::plain);

    db::migrate(superuser, [](const db::Migration&) {});

    CHECK(database.value(
              "select string_agg(distinct pg_get_userbyid(owner), ' ') from ("
              "  select relowner as owner from pg_class where relnamespace = "
              "current_schema()::regnamespace union all "
              "  select proowner from pg_proc where pronamespace = current_schema()::regnamespace) "
              "o") == "schedctl_owner");
    CHECK(database.value("select string_agg(distinct applied_by, ' ' order by applied_by) from "
                         "schema_migrations") == "postgres schedctl");
  }

  TEST_CASE("a viewer may read every column but payloads") {
    Database database;
    make_roles(database);

    CHECK(database.value(
              "select string_agg(attrelid::regclass || '.' || attname, ' ' order by "
              "attrelid::regclass::text) from pg_attribute a join pg_class c on c.oid = attrelid "
              "where relnamespace = current_schema()::regnamespace and relkind in ('r', 'v') and "
              "attnum > 0 and not attisdropped "
              "and not has_column_privilege('schedctl_viewer', attrelid, attnum, 'select')") ==
          "job_definitions.payload job_executions.payload job_queue.payload jobs.payload");
  }

  TEST_CASE("what runs with the rights of the owner is pinned, not public, and no superuser's") {
    Database database;
    make_roles(database);

    CHECK(database.value("select count(*) > 5 from pg_proc where pronamespace = "
                         "current_schema()::regnamespace and prosecdef") == "t");
    CHECK(database.value(
              "select count(*) from pg_proc p join pg_roles r on r.oid = proowner where "
              "pronamespace = current_schema()::regnamespace and prosecdef and (rolsuper or "
              "has_function_privilege('public', p.oid, 'execute') or not coalesce(exists (select "
              "from unnest(proconfig) c where c like 'search_path=%, pg_temp'), false))") == "0");
  }

  TEST_CASE("nobody can put a table of their own in the way of the functions") {
    Host host;
    make_roles(host.database);
    const Member producer(host, "schedctl_producer");
    auto settings = host.database.config();
    settings.url = url_of(producer.name());
    db::Connection connection(settings, db::Session::plain);
    db::Transaction tx(connection);
    tx.exec_text("create temp table job_queue (like pg_class) on commit drop");
    tx.exec_text("create temp table settings (key text, value text) on commit drop");
    tx.exec_text(fmt::format("select \"{}\".enqueue('noop')", host.database.schema()));
    tx.commit();

    CHECK(host.database.value(
              fmt::format("select count(*) from \"{}\".job_queue", host.database.schema())) == "1");
  }

  TEST_CASE("a worker runs jobs and an operator's commands, and makes no tables") {
    Host host;
    make_roles(host.database);
    host.handler("fails", "exit 1", "max_retries = 0\n");
    const Member worker(host, "schedctl_worker");

    CHECK(worker.exit_code({"enqueue", "fails"}) == 0);
    CHECK(worker.exit_code({"enqueue", "noop", "--group", "g"}) == 0);
    CHECK(worker.exit_code({"process"}) == 0);
    CHECK(host.count("job_queue where status = 'failed'") == 1);
    CHECK(host.count("job_executions where status = 'completed'") == 1);
    CHECK(worker.exit_code({"pause", "--reason", "r"}) == 0);
    CHECK(worker.exit_code({"resume"}) == 0);
    CHECK(worker.exit_code({"job", "retry", "1"}) == 0);
    CHECK(worker.exit_code({"job", "cancel", "1"}) == 0);
    host.configure("\n[job.d]\nhandler = \"noop\"\nevery = \"1h\"\nfirst_run = \"now\"\n");
    CHECK(worker.exit_code({"process"}) == 0);
    CHECK(host.count("job_executions where status = 'completed'") == 2);
    for (const auto* command : {"pause", "resume", "run"})
      CHECK(worker.exit_code({command, "d"}) == 0);
    for (const auto* command : {"status", "history", "logs", "definitions", "cleanup-stuck"})
      CHECK(worker.exit_code({command}) == 0);
    CHECK(host.database.value("select string_agg(distinct who, ' ') from audit_log") ==
          worker.name());

    host.database.query("drop view executions cascade");
    CHECK(worker.exit_code({"migrate"}) == 0);  // which has nothing to do
    host.database.query(
        "delete from schema_migrations where version = (select max(version) from "
        "schema_migrations)");
    const auto refused = worker.run({"migrate"});
    CHECK(refused.exit_code == 77);
    CHECK_MESSAGE(refused.err.find("it takes a member of schedctl_owner") != std::string::npos,
                  refused.err);
  }

  TEST_CASE("schedctl test names the rights that a user lacks for a run") {
    Host host;
    make_roles(host.database);
    const Member worker(host, "schedctl_worker");
    const Member viewer(host, "schedctl_viewer");

    const auto able = worker.run({"test"});
    CHECK_MESSAGE(able.exit_code == 0, able.out);
    const auto lacking = viewer.run({"test"});
    CHECK(lacking.exit_code == 1);
    for (const auto* right :
         {"insert on job_queue", "delete on workers", "execute on function enqueue"})
      CHECK_MESSAGE(lacking.out.find(right) != std::string::npos, lacking.out);
  }

  TEST_CASE(
      "a producer enqueues, cancels and retries; a viewer looks; what they lack has an exit code") {
    Host host;
    make_roles(host.database);
    const Member producer(host, "schedctl_producer");
    const Member viewer(host, "schedctl_viewer");

    CHECK(producer.exit_code({"enqueue", "noop"}) == 0);
    CHECK(producer.exit_code({"status"}) == 77);
    CHECK(producer.exit_code({"process"}) == 77);
    CHECK(producer.exit_code({"pause"}) == 77);
    CHECK(producer.exit_code({"run", "d"}) == 77);

    for (const auto* command : {"status", "history", "logs", "definitions"})
      CHECK(viewer.exit_code({command}) == 0);
    CHECK(viewer.exit_code({"enqueue", "noop"}) == 77);
    CHECK(viewer.exit_code({"process"}) == 77);
    CHECK(viewer.exit_code({"job", "show", "1"}) == 77);
    const auto refused = viewer.run({"pause"});
    CHECK(refused.exit_code == 77);
    CHECK(refused.err ==
          "schedctl: database: permission denied for function pause: have it granted, see "
          "\"schedctl migrate --roles\"\n");
    CHECK(host.count("job_queue") == 1);
  }
}
