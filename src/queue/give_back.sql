-- Claimed but never started: pending again as if nothing had been; under the fence. Whoever asked for a cancellation gets
-- it, with its row of history.
--   $1 worker bigint   $2 tokens uuid[]   $3 execution ids bigint[]; null: all that these tokens hold
-- Index: job_queue_running.
with returned as (
  update job_queue q
     set status = case when q.cancel_requested_at is not null then 'cancelled' else 'pending' end,
         attempts = q.attempts - 1, claim_token = null, locked_by = null, updated_at = clock_timestamp()
   where q.locked_by = $1::bigint and q.status = 'running' and q.claim_token = any ($2::uuid[])
     and ($3::bigint[] is null or q.execution_id = any ($3::bigint[]))
  returning *
)
insert into job_executions (id, job_queue_id, job_definition_id, finished_at, job_scheduled_for, job_created_at, slot,
                            attempt, priority, status, job_type, error_class, error_message, group_key, unique_key, payload)
select execution_id, id, definition_id, updated_at, scheduled_for, created_at, slot, attempts + 1, priority,
       'cancelled', job_type, 'cancelled', 'cancelled before it was started', group_key, unique_key, payload
  from returned
 where status = 'cancelled'
