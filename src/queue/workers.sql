-- All workers but one, with what the server knows of their being alive.
--   $1 worker bigint: the one who asks; 0: none
-- A server that has crashed and recovered began to count anew, which tells it from the one before: it has not started again,
-- but has forgotten all sessions.
select w.id, w.host, w.pid, w.boot_id, w.lock_file, w.direct, w.lease_until,
       w.lease_until < clock_timestamp() as lease_over,
       w.server_identity = s.system_identifier || '/' || c.timeline_id || '/' || extract(epoch from pg_postmaster_start_time())
                           || '/' || coalesce(extract(epoch from pg_stat_get_bgwriter_stat_reset_time()), 0) as same_server,
       exists (select from pg_locks l
                where l.locktype = 'advisory' and l.objsubid = 2 and l.objid::bigint = w.id
                  and l.classid::bigint = hashtext('schedctl.worker.' || current_schema())::bigint & 4294967295
                  and l.database = (select oid from pg_database where datname = current_database())) as has_lock
  from workers w, pg_control_system() s, pg_control_checkpoint() c
 where w.id <> $1::bigint
