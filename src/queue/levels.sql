-- The levels (job type, priority) at which jobs wait, most urgent first, each with the time of its first job.
--   $1 job types text[]   $2 now timestamptz
-- A loose index scan: one look into the index for each level there is, none for jobs of other types.
-- Each row also says whether due jobs of these types are there that were interrupted before.
-- Indexes: job_queue_due, job_queue_interrupted.
with recursive level (job_type, priority) as (
  select t.job_type,
         (select q.priority from job_queue q where q.status = 'pending' and q.job_type = t.job_type
           order by q.priority desc limit 1)
    from unnest($1::text[]) as t (job_type)
  union all
  select l.job_type,
         (select q.priority from job_queue q
           where q.status = 'pending' and q.job_type = l.job_type and q.priority < l.priority
           order by q.priority desc limit 1)
    from level l
   where l.priority is not null
)
select l.job_type, l.priority, first.scheduled_for,
       exists (select from job_queue q where q.status = 'pending' and q.interruptions > 0 and q.job_type = any ($1::text[])
                                         and q.scheduled_for <= $2::timestamptz) as interrupted
  from level l
 cross join lateral (
   select q.scheduled_for from job_queue q
    where q.status = 'pending' and q.job_type = l.job_type and q.priority = l.priority
    order by q.scheduled_for, q.id limit 1) as first
 where l.priority is not null
 order by l.priority desc, first.scheduled_for
