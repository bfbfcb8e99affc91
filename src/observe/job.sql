-- One job: waiting, running, dead or finished.
--   $1 job id bigint
-- Returns the plain columns for people, and json: the columns of the view jobs as one object. From the tables and not
-- the view, because their payload is the text that was enqueued, byte for byte.
with job as (
  select id, job_type, status, priority, payload, scheduled_for, expires_at, attempts, max_attempts, interruptions,
         execution_id, locked_by, locked_at, error_message, definition_id, slot, group_key, unique_key, timeout_ms,
         cancel_requested_at, cancel_requested_by, cancel_reason, progress, created_at, updated_at,
         null::timestamptz as finished_at
    from job_queue
   where id = $1::bigint
   union all
  select job_queue_id, job_type, status, priority, payload, job_scheduled_for, null, attempt, null, null,
         id, null, null, error_message, job_definition_id, slot, group_key, unique_key, null,
         null, null, null, null, job_created_at, finished_at, finished_at
    from job_executions
   where job_queue_id = $1::bigint and status in ('completed', 'skipped')
), shown as (
  select id, job_type, status, priority, payload,
         to_char(scheduled_for at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as scheduled_for,
         to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as expires_at,
         attempts, max_attempts, interruptions, execution_id, locked_by,
         to_char(locked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as locked_at,
         error_message, definition_id,
         to_char(slot at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as slot,
         group_key, unique_key, timeout_ms,
         to_char(cancel_requested_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as cancel_requested_at,
         cancel_requested_by, cancel_reason, progress,
         to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
         to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at,
         to_char(finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at
    from job
)
select s.*, row_to_json(s)::text as json
  from shown s
 order by s.finished_at desc nulls first
 limit 1
