-- Take a worker's session lock again after its connection was lost, unless it is pooled; with the lock goes the renewal of
-- the lease.
-- No row: it was declared dead.
--   $1 worker bigint   $2 lease in milliseconds bigint   $3 the address this end of the connection has, text   $4 pooled boolean
with worker as materialized (
  select id, case when $4::boolean then true
                  else pg_try_advisory_lock(hashtext('schedctl.worker.' || current_schema()), id::integer) end as locked
    from workers where id = $1::bigint and lease_until > to_timestamp(0)
), renewed as (
  update workers w
     set lease_until = clock_timestamp() + $2::bigint * interval '1 ms',
         direct = not $4::boolean and (inet_client_addr() is null or host(inet_client_addr()) = $3::text),
         server_identity = s.system_identifier || '/' || c.timeline_id || '/'
                           || extract(epoch from pg_postmaster_start_time())
                           || '/' || coalesce(extract(epoch from pg_stat_get_bgwriter_stat_reset_time()), 0)
    from worker, pg_control_system() s, pg_control_checkpoint() c
   where w.id = worker.id and worker.locked and w.lease_until > to_timestamp(0)
  returning w.id
)
select locked from worker where not locked or exists (select from renewed)
