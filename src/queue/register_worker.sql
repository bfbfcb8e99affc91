-- Register a worker and take its session lock, unless it is pooled; the row is seen by others only when the lock is held.
--   $1 host text   $2 pid integer   $3 lease interval in milliseconds bigint   $4 boot id text   $5 lock file text
--   $6 version text   $7 the address this end of the connection has, text, null: a unix socket   $8 pooled boolean
with worker as (
  insert into workers (host, pid, lease_until, boot_id, lock_file, version, direct, server_identity)
  select $1::text, $2::integer, clock_timestamp() + $3::bigint * interval '1 ms', $4::text, $5::text, $6::text,
         not $8::boolean and (inet_client_addr() is null or host(inet_client_addr()) = $7::text),
         s.system_identifier || '/' || c.timeline_id || '/' || extract(epoch from pg_postmaster_start_time())
           || '/' || coalesce(extract(epoch from pg_stat_get_bgwriter_stat_reset_time()), 0)
    from pg_control_system() s, pg_control_checkpoint() c
  returning id
)
select id, case when not $8::boolean
                then pg_try_advisory_lock(hashtext('schedctl.worker.' || current_schema()), id::integer) end as locked
  from worker
