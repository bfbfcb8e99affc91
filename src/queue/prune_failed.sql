-- Delete the oldest attempts that were not completed, but none of a job that still waits or runs.
--   $1 before timestamptz   $2 limit integer
-- Index: job_executions_failed, then the job by its key.
delete from job_executions
 where id = any (array(
   select e.id from job_executions e
    where e.status <> 'completed' and e.finished_at < $1::timestamptz
      and not exists (select from job_queue q where q.id = e.job_queue_id and q.status in ('pending', 'running'))
    order by e.finished_at limit $2::integer for update skip locked))
