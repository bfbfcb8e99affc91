-- Hold open due jobs of one priority for as long as the transaction lasts: for work that takes no time, so that one
-- transaction takes, runs and records it and no row is written twice.
--   $1 now timestamptz (the tick's clock)   $2 limit integer
--   $3 job types text[], with for each the place behind which its scan goes on: $4 scheduled_for timestamptz[], $5 id bigint[]
--   $6 priority smallint
-- Locks: the rows, skipping held ones. Expired jobs are left to claim.sql. Returns the columns of claim.sql.
-- Index: job_queue_due.
select due.place, due.id, nextval('execution_ids') as execution_id, due.attempts + 1 as attempts, due.interruptions,
       due.max_attempts, due.attempts_base, due.scheduled_for, due.job_type, due.timeout_ms, false as expired, due.slot,
       null as created_us, null as payload
  from unnest($3::text[], $4::timestamptz[], $5::bigint[]) as level (job_type, after_time, after_id)
 cross join lateral (
   select q.ctid as place, q.*
     from job_queue q
    where q.status = 'pending' and q.claim_class = 0 and q.job_type = level.job_type and q.priority = $6::smallint
      and q.scheduled_for <= $1::timestamptz and (q.scheduled_for, q.id) > (level.after_time, level.after_id)
      and (q.expires_at is null or q.expires_at > $1::timestamptz)
    order by q.scheduled_for, q.id limit $2::integer for update skip locked) as due
 order by due.scheduled_for, due.id limit $2::integer
