-- The first thing a tick asks: says that this host is alive and answers what it must know before it does anything.
--   $1 host text   $2 version text   $3 job types text[] (that this host handles)
--   $4 schema version integer: in any other schema nothing is written
-- Few tables and few subqueries: the plan of a new session is most of what an empty tick costs the server.
with schema as materialized (
  select max(version) as version from schema_migrations
), tick as (
  insert into hosts (host, last_tick_at, version, job_types)
  select $1::text, now(), $2::text, $3::text[] from schema where version = $4::integer
  on conflict (host) do update set last_tick_at = excluded.last_tick_at, version = excluded.version,
                                   job_types = excluded.job_types
)
select clock_timestamp() as now, schema.version as schema_version,
       (select value from settings where key = 'installation_id') as installation_id,
       exists (select from workers) as has_workers,
       date_trunc('hour', me.last_tick_at) is distinct from date_trunc('hour', now()) as first_of_hour,
       exists (select from settings where key = 'paused') as paused, me.definitions_hash, me.boot_id
  from schema left join hosts me on me.host = $1::text
