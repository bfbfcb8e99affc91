-- What a tick would claim, most urgent first, without claiming it.
--   $1 now timestamptz   $2 job types text[]   $3 limit integer
select id, job_type, priority, scheduled_for, attempts + 1 as attempt
  from job_queue
 where status = 'pending' and scheduled_for <= $1::timestamptz and job_type = any ($2::text[])
 order by priority desc, scheduled_for, id
 limit $3::integer
