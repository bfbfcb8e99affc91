-- Delete the oldest completed attempts, but not the last attempt of a definition: others may depend on it.
--   $1 before timestamptz   $2 limit integer
-- A job that was completed has left the queue. Indexes: job_executions_completed, job_executions_definition.
delete from job_executions
 where id = any (array(
   select id from job_executions e
    where status = 'completed' and finished_at < $1::timestamptz
      and (job_definition_id is null
           or exists (select from job_executions later
                       where later.job_definition_id = e.job_definition_id and later.job_queue_id is not null
                         and later.id > e.id))
    order by finished_at limit $2::integer for update skip locked))
