// Planning: an installation whose hosts declare definitions and plan them at times that the test
// chooses.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "schedule/declare.h"
#include "schedule/plan.h"
#include "support/config_folder.h"
#include "support/database.h"

namespace schedctl::test {

class Planning {
 public:
  Database database;
  schedule::Zones zones;

  // The [job.NAME] tables (and others) of a host's file.
  schedule::Declared declare(const std::string& toml, Time now, const std::string& host = "a",
                             const std::string& boot = "") {
    database.query(
        "insert into hosts (host, last_tick_at, version, job_types) values ($1, now(), '', '{}') "
        "on conflict do nothing",
        {host});
    const ConfigFolder folder;
    const auto config = folder.load(toml);
    const schedule::Declarations declarations(config.definitions, zones);
    auto connection = database.connect(db::Session::claiming);
    db::Transaction tx(connection);
    auto declared = schedule::declare(
        tx, declarations, {.host = host, .boot_id = boot, .booted = !boot.empty(), .now = now});
    tx.commit();
    return declared;
  }

  schedule::Planned plan(Time now, int limit = schedule::plan_batch) {
    auto connection = database.connect(db::Session::claiming);
    db::Transaction tx(connection);
    auto planned =
        schedule::plan(tx, zones, {.now = now, .eager = true, .leave_out = {}, .limit = limit});
    tx.commit();
    return planned;
  }

  // The slots that have jobs, unfinished or not: "12:00 13:00", by date where it is not that of the
  // first: "2026-03-10T12:00 ...".
  std::string jobs(const std::string& name) {
    return database.value(
        "select string_agg(to_char(j.slot at time zone 'UTC', 'HH24:MI:SS'), ' ' order by j.slot) "
        "from jobs j "
        "join job_definitions d on d.id = j.definition_id where d.name = $1 and j.slot is not null",
        {name});
  }
  // "coalesced 3 09:00:00-11:00:00", in the order in which they were recorded.
  std::string gaps(const std::string& name) {
    return database.value(
        "select string_agg(concat(e.error_class, ' ', e.metadata ->> 'count', ' ', "
        "to_char((metadata ->> 'first')::timestamptz at time zone 'UTC', 'HH24:MI:SS'), '-', "
        "to_char((metadata ->> 'last')::timestamptz at time zone 'UTC', 'HH24:MI:SS')), ', ' order "
        "by e.id) "
        "from job_executions e join job_definitions d on d.id = e.job_definition_id "
        "where d.name = $1 and e.job_queue_id is null",
        {name});
  }
  // A column of a definition, as text; "" when null.
  std::string of(const std::string& name, const std::string& column) {
    return database.value("select " + column + " from job_definitions where name = $1", {name});
  }
  // Ends what waits of a definition.
  void finish(const std::string& name, const std::string& status = "completed") {
    database.query(
        "with gone as (delete from job_queue where definition_id = (select id from job_definitions "
        "where "
        "name = $1) and status in ('pending', 'running') returning *) "
        "insert into job_executions (id, job_queue_id, job_definition_id, job_type, status, "
        "finished_at, "
        "attempt, slot, priority, job_created_at, job_scheduled_for) "
        "select nextval('execution_ids'), id, definition_id, job_type, $2, now(), 1, slot, 5, "
        "created_at, "
        "scheduled_for from gone",
        {name, status});
  }
};

}  // namespace schedctl::test
