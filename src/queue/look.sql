-- The first thing a tick asks: says that this host is alive and answers what it must know before it does anything.
--   $1 host text   $2 version text   $3 job types text[] (that this host handles)
--   $4 schema version integer: in any other schema nothing is written
with tick as (
  insert into hosts (host, last_tick_at, version, job_types)
  select $1::text, now(), $2::text, $3::text[]
   where (select max(version) from schema_migrations) = $4::integer
  on conflict (host) do update set last_tick_at = excluded.last_tick_at, version = excluded.version,
                                   job_types = excluded.job_types
)
select clock_timestamp() as now,
       (select max(version) from schema_migrations) as schema_version,
       (select value from settings where key = 'installation_id') as installation_id,
       exists (select from workers) as has_workers
