-- The levels (job type, claim class, priority) at which jobs wait, most urgent first, each with the time of its first job.
-- And one row without a job type: when the planner has to look at a definition.
--   $1 job types text[]
-- A loose index scan: one look into the index for each level there is, none for jobs of other types. Indexes:
-- job_queue_due, job_definitions_due.
-- None at all while a pause holds, so that runs which are at work stop claiming when they look again.
with recursive open as materialized (
  select where not exists (select from current_pause)
), level (job_type, claim_class, priority) as (
  select t.job_type, c.claim_class,
         (select q.priority from job_queue q
           where q.status = 'pending' and q.job_type = t.job_type and q.claim_class = c.claim_class
           order by q.priority desc limit 1)
    from open cross join unnest($1::text[]) as t (job_type) cross join (values (0), (1), (2)) as c (claim_class)
  union all
  select l.job_type, l.claim_class,
         (select q.priority from job_queue q
           where q.status = 'pending' and q.job_type = l.job_type and q.claim_class = l.claim_class and q.priority < l.priority
           order by q.priority desc limit 1)
    from level l
   where l.priority is not null
)
(select l.job_type, l.priority, l.claim_class, first.scheduled_for
  from level l
 cross join lateral (
   select q.scheduled_for from job_queue q
    where q.status = 'pending' and q.job_type = l.job_type and q.claim_class = l.claim_class and q.priority = l.priority
    order by q.scheduled_for, q.id limit 1) as first
 where l.priority is not null
 order by l.priority desc, first.scheduled_for)
union all
(select null, null, null, due_at from open cross join job_definitions
  where due_at is not null and due_at < 'infinity'
  order by due_at limit 1)
