-- The unfinished jobs of definitions whose next slot takes their place: those that wait are cancelled, those that run are
-- to be ended by their workers.
--   $1 definitions bigint[]   $2 now timestamptz
-- Rows that others hold are about to change anyway and are left alone, so that nobody waits here for two of them.
-- Index: job_queue_definition.
with old as materialized (
  select id, status from job_queue
   where definition_id = any ($1::bigint[]) and definition_id is not null and status in ('pending', 'running')
     for update skip locked
), asked as (
  update job_queue q
     set status = case old.status when 'pending' then 'cancelled' else q.status end,
         cancel_requested_at = coalesce(q.cancel_requested_at, $2::timestamptz),
         cancel_requested_by = coalesce(q.cancel_requested_by, session_user),
         cancel_reason = case when q.cancel_requested_at is null then 'overlap: the next slot has come' else q.cancel_reason end,
         updated_at = $2::timestamptz
    from old
   where q.id = old.id
  returning q.*
)
insert into job_executions (id, job_queue_id, job_definition_id, finished_at, job_scheduled_for, job_created_at, slot,
                            attempt, priority, status, job_type, error_class, error_message, group_key, unique_key,
                            payload)
select nextval('execution_ids'), id, definition_id, $2::timestamptz, scheduled_for, created_at, slot, attempts, priority,
       'cancelled', job_type, 'cancelled', 'overlap: the next slot has come', group_key, unique_key, payload
  from asked
 where status = 'cancelled'
