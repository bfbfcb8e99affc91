-- Which of these executions are in the history already, stored by this worker: asked after an answer got lost.
--   $1 execution ids bigint[]   $2 worker text
select id from job_executions where id = any ($1::bigint[]) and worker = $2::text and status <> 'lost'
