-- The same for jobs of groups. To be run behind lock_guarded.sql, which is kept until the end of the transaction: a held
-- job is not marked running, so nobody else may look for jobs that it makes wait. Of a group as many as come: they run one
-- after the other, in this order.
--   $1 now timestamptz (the tick's clock)   $2 limit integer   $3 job types text[]   $4 priority smallint
-- Only the first jobs of each type are looked at; those of busy groups stay, and so do limited jobs: for claim_guarded.sql.
-- Indexes: job_queue_due, job_queue_group; the class as a subquery, so that job_queue_lanes, which has another order, is
-- not even a choice.
select due.place, due.id, nextval('execution_ids') as execution_id, due.attempts + 1 as attempts, due.interruptions,
       due.max_attempts, due.attempts_base, due.scheduled_for, due.job_type, due.timeout_ms, false as expired, due.slot,
       null as created_us, null as payload
  from unnest($3::text[]) as level (job_type)
 cross join lateral (
   select q.ctid as place, q.*
     from job_queue q
    where q.status = 'pending' and q.claim_class = (select 1::smallint) and q.job_type = level.job_type and q.priority = $4::smallint
      and q.scheduled_for <= $1::timestamptz and not q.limited
      and (q.expires_at is null or q.expires_at > $1::timestamptz)
    order by q.scheduled_for, q.id limit $2::integer for update skip locked) as due
 where not exists (select from job_queue r where r.locked_by is not null and r.group_key = due.group_key)
 order by due.scheduled_for, due.id limit $2::integer
