-- What other programs read. The tables beneath are free to change.

create view jobs as
select id, job_type, status, priority, payload::jsonb as payload, scheduled_for, expires_at, attempts, max_attempts,
       interruptions, execution_id, locked_by, locked_at, error_message, definition_id, slot, group_key, unique_key,
       timeout_ms, cancel_requested_at, cancel_requested_by, cancel_reason, progress, created_at, updated_at,
       null::timestamptz as finished_at
  from job_queue
union all
-- Only these two outcomes take a job out of the queue.
select job_queue_id, job_type, status, priority, payload::jsonb, job_scheduled_for, null, attempt, null,
       null, id, null, null, error_message, job_definition_id, slot, group_key, unique_key,
       null, null, null, null, null, job_created_at, finished_at, finished_at
  from job_executions
 where status in ('completed', 'skipped') and job_queue_id is not null;
comment on view jobs is 'Every job within retention: waiting, running, dead, finished';

create view executions as
select id, job_queue_id, job_definition_id, job_type, status, started_at, finished_at, duration_ms, attempt, worker,
       exit_code, signal, error_class, error_message, result, cpu_ms, peak_rss_bytes, metadata
  from job_executions
union all
select q.execution_id, q.id, q.definition_id, q.job_type, 'running', q.locked_at, null, null, q.attempts,
       w.host || ':' || w.pid, null, null, null, null, null, null, null, null
  from job_queue q left join workers w on w.id = q.locked_by
 where q.status = 'running';
comment on view executions is 'Attempts, finished and running';
