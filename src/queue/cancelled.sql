-- The executions of a worker whose jobs somebody wants cancelled.
--   $1 worker bigint
select execution_id from job_queue
 where locked_by = $1::bigint and status = 'running' and cancel_requested_at is not null
