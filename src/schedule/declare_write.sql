-- Definitions as a host's file has them come into force. To be run behind declare_lock.sql.
--   $1 names text[]   $2 hashes text[]   $3 descriptions text[]   $4 handlers text[]   $5 payloads text[]
--   $6 schedules text[]   $7 written text[]   $8 timezones text[]   $9 policies text[]   $10 priorities integer[]
--   $11 timeout_ms bigint[]   $12 max_retries integer[]   $13 concurrency limits integer[]   $14 active boolean[]
--   $15 last_slot timestamptz[] (null: as it was)   $16 next_run_at timestamptz[]
-- Pauses are not touched. Answers each definition and whether its name was new.
insert into job_definitions as d (name, hash, description, handler, payload, schedule, written, timezone, policies, priority,
                                  timeout_ms, max_retries, concurrency_limit, is_active, last_slot, next_run_at)
select n.name, n.hash, nullif(n.description, ''), n.handler, n.payload::json, n.schedule, n.written::jsonb, n.timezone,
       n.policies::jsonb, n.priority, n.timeout_ms, n.max_retries, n.concurrency_limit, n.is_active, n.last_slot, n.next_run_at
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
              $10::integer[], $11::bigint[], $12::integer[], $13::integer[], $14::boolean[], $15::timestamptz[],
              $16::timestamptz[])
       as n (name, hash, description, handler, payload, schedule, written, timezone, policies, priority, timeout_ms,
             max_retries, concurrency_limit, is_active, last_slot, next_run_at)
on conflict (name) do update
   set hash = excluded.hash, description = excluded.description, handler = excluded.handler, payload = excluded.payload,
       schedule = excluded.schedule, written = excluded.written, timezone = excluded.timezone, policies = excluded.policies,
       priority = excluded.priority, timeout_ms = excluded.timeout_ms, max_retries = excluded.max_retries,
       concurrency_limit = excluded.concurrency_limit, is_active = excluded.is_active,
       last_slot = coalesce(excluded.last_slot, d.last_slot), next_run_at = excluded.next_run_at, waiting_since = null,
       look_at = null, updated_at = now()
returning d.id, d.name, d.xmax = 0 as is_new
