-- Delete the oldest log lines, but none of a job that still waits or runs.
--   $1 before timestamptz   $2 limit integer
-- Index: job_logs_timestamp, then the attempt and its job by their keys; what runs by job_queue_running.
delete from job_logs
 where id = any (array(
   select l.id from job_logs l
    where l.timestamp < $1::timestamptz
      and not exists (select from job_executions e join job_queue q on q.id = e.job_queue_id
                       where e.id = l.job_execution_id and q.status in ('pending', 'running'))
      and l.job_execution_id <> all (array(select execution_id from job_queue where locked_by is not null))
    order by l.timestamp limit $2::integer for update skip locked))
