-- Running jobs of workers that are not known to be dead, older than a limit.
--   $1 age in ms bigint
select q.id, q.job_type, q.execution_id, q.locked_by,
       floor(extract(epoch from clock_timestamp() - q.locked_at))::bigint as age_s
  from workers w join job_queue q on q.locked_by = w.id
 where w.lease_until >= clock_timestamp() and q.locked_at < clock_timestamp() - $1::bigint * interval '1 ms'
 order by q.locked_at
