-- Delete the oldest attempts that were not completed, but none of a job that still waits or runs, and not the last attempt
-- of a definition; slots that never became a job are no attempts.
--   $1 before timestamptz   $2 limit integer
-- Indexes: job_executions_failed, job_executions_definition, then the job by its key.
delete from job_executions
 where id = any (array(
   select e.id from job_executions e
    where e.status <> 'completed' and e.finished_at < $1::timestamptz
      and (e.job_definition_id is null or e.job_queue_id is null
           or exists (select from job_executions later
                       where later.job_definition_id = e.job_definition_id and later.job_queue_id is not null
                         and later.id > e.id))
      and not exists (select from job_queue q where q.id = e.job_queue_id and q.status in ('pending', 'running'))
    order by e.finished_at limit $2::integer for update skip locked))
