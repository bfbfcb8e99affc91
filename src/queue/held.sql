-- How many running jobs a worker holds, and how many of them a rescue would make dead.
--   $1 worker bigint   $2 max interruptions integer
select count(*), count(*) filter (where interruptions + 1 > $2::integer or cancel_requested_at is not null)
  from job_queue where locked_by = $1::bigint and status = 'running'
