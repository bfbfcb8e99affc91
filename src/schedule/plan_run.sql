-- One job of each definition that belongs to no slot, due now: its first run, or that of a start of the host.
--   $1 definitions bigint[]   $2 now timestamptz
insert into job_queue (job_type, priority, payload, scheduled_for, max_attempts, timeout_ms, group_key, definition_id,
                       limited)
select d.handler, d.priority, d.payload, $2::timestamptz, d.max_retries + 1, d.timeout_ms, d.policies ->> 'group', d.id,
       d.concurrency_limit is not null
  from job_definitions d
 where d.id = any ($1::bigint[])
 order by d.priority desc, d.id
