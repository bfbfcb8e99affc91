-- Take back jobs of a dead worker: pending again, or dead when they have cost too many workers their lives.
--   $1 worker bigint   $2 max interruptions integer   $3 limit integer   $4 why text
-- Each lost attempt becomes a row of history. Index: job_queue_running.
with lost as (
  update job_queue
     set status = case when cancel_requested_at is not null then 'cancelled'
                       when interruptions + 1 > $2::integer then 'failed'
                       else 'pending' end,
         interruptions = interruptions + 1, claim_token = null, locked_by = null, updated_at = clock_timestamp(),
         error_message = $4::text
   where id = any (array(
     select id from job_queue where status = 'running' and locked_by = $1::bigint
      limit $3::integer for update skip locked))
  returning *
)
insert into job_executions (id, job_queue_id, job_definition_id, started_at, finished_at, duration_ms, job_scheduled_for,
                            job_created_at, slot, attempt, priority, status, job_type, worker, error_class,
                            error_message, group_key, unique_key, payload)
select execution_id, id, definition_id, locked_at, updated_at,
       round(extract(epoch from updated_at - locked_at) * 1000),
       case when status <> 'pending' then scheduled_for end, case when status <> 'pending' then created_at end, slot,
       attempts, case when status <> 'pending' then priority end, 'lost', job_type,
       (select host || ':' || pid from workers where id = $1::bigint), 'worker_died', $4::text,
       case when status <> 'pending' then group_key end, case when status <> 'pending' then unique_key end,
       case when status <> 'pending' then payload end
  from lost
returning id, job_queue_id, payload is not null as dead
