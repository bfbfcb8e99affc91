-- Delete the oldest completed attempts.
--   $1 before timestamptz   $2 limit integer
-- A job that was completed has left the queue. Index: job_executions_completed.
delete from job_executions
 where id = any (array(
   select id from job_executions
    where status = 'completed' and finished_at < $1::timestamptz
    order by finished_at limit $2::integer for update skip locked))
