-- Claim due jobs of one priority for one worker: those of the class open, which may run beside any other.
--   $1 now timestamptz (the tick's clock)   $2 worker bigint   $3 token uuid   $4 limit integer
--   $5 job types text[], with for each the place behind which its scan goes on: $6 scheduled_for timestamptz[], $7 id bigint[]
--   $8 priority smallint   $9 with payload boolean: those that take little room; payload.sql brings the others
-- Locks: the claimed rows, skipping held ones, and the worker's own row, so that it cannot be removed between this
-- statement and its commit; a worker that is removed or declared dead claims nothing. Index: job_queue_due.
-- The array keeps the planner from turning the limit into a join over the whole queue; a locked row stays in its place, so
-- the place spares a second way through the primary key.
update job_queue
   set status = 'running', attempts = attempts + 1, execution_id = nextval('execution_ids'),
       locked_at = $1::timestamptz, locked_by = $2::bigint, claim_token = $3::uuid, updated_at = $1::timestamptz
 where exists (select from workers where id = $2::bigint and lease_until > to_timestamp(0) for key share)
   and ctid = any (array(
   select due.place
     from unnest($5::text[], $6::timestamptz[], $7::bigint[]) as level (job_type, after_time, after_id)
    cross join lateral (
      select q.ctid as place, q.id, q.scheduled_for from job_queue q
       where q.status = 'pending' and q.claim_class = 0
         and q.job_type = level.job_type and q.priority = $8::smallint
         and q.scheduled_for <= $1::timestamptz
         and (q.scheduled_for, q.id) > (level.after_time, level.after_id)
       order by q.scheduled_for, q.id limit $4::integer for update skip locked) as due
    order by due.scheduled_for, due.id limit $4::integer))
returning ctid as place, id, execution_id, attempts, interruptions, max_attempts, attempts_base, scheduled_for, job_type,
          timeout_ms,
          coalesce(expires_at <= $1::timestamptz, false) as expired, slot,
          case when $9::boolean then (extract(epoch from created_at) * 1000000)::bigint end as created_us,
          case when $9::boolean and pg_column_size(payload) <= 8192 then payload end as payload
