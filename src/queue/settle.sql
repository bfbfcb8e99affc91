-- Store outcomes under the fence: a job that is over leaves the queue, another waits for its next attempt or is dead.
--   $1 ids bigint[]   $2 execution ids bigint[]   $3 tokens uuid[] (of the claims in this batch)   $4 worker text
--   $5 started timestamptz[] (null: never)   $6 finished timestamptz[]   $7 status of the execution text[]
--   $8 status of the job text[]: null = it leaves the queue   $9 next scheduled_for timestamptz[] (null: as it was)
--   $10 attempts to take back integer[]   $11 interruptions to add integer[]   $12 snoozes to add integer[]
--   $13 error class text[]   $14 error message text[]   $15 exit code integer[]   $16 signal integer[]
--   $17 cpu ms bigint[]   $18 peak rss bytes bigint[]   $19 results jsonb[]   $20 max snoozes integer
-- Whoever asked for a cancellation gets it, unless the job is over anyway. A job that snoozes once too often is dead.
-- Answers the executions that were still ours. Plan: as in complete.sql.
with outcome as (
  select * from unnest($1::bigint[], $2::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[],
                       $9::timestamptz[], $10::integer[], $11::integer[], $12::integer[], $13::text[], $14::text[],
                       $15::integer[], $16::integer[], $17::bigint[], $18::bigint[], $19::jsonb[])
    as o (id, execution_id, started_at, finished_at, run_status, job_status, next_at, uncounted, interrupted, snoozed,
          error_class, error_message, exit_code, signal, cpu_ms, peak_rss_bytes, result)
), gone as (
  delete from job_queue q using outcome o
   where q.id = any ($1::bigint[]) and o.job_status is null and q.id = o.id and q.execution_id = o.execution_id
     and q.claim_token = any ($3::uuid[])
  returning q.*
), kept as (
  update job_queue q
     set status = case when q.cancel_requested_at is not null and o.job_status = 'pending' then 'cancelled'
                       when q.snoozes + o.snoozed > $20::integer then 'failed'
                       else o.job_status end,
         scheduled_for = coalesce(o.next_at, q.scheduled_for), attempts = q.attempts - o.uncounted,
         interruptions = q.interruptions + o.interrupted, snoozes = q.snoozes + o.snoozed,
         error_message = case when q.snoozes + o.snoozed > $20::integer then 'snoozed more than ' || $20 || ' times'
                              else o.error_message end,
         claim_token = null, locked_by = null, updated_at = o.finished_at
    from outcome o
   where q.id = any ($1::bigint[]) and o.job_status is not null and q.id = o.id and q.execution_id = o.execution_id
     and q.claim_token = any ($3::uuid[])
  returning q.*
), settled as (
  select *, true as ends from gone
  union all
  select *, status <> 'pending' from kept
)
insert into job_executions (id, job_queue_id, job_definition_id, started_at, finished_at, duration_ms, cpu_ms,
                            peak_rss_bytes, job_scheduled_for, job_created_at, slot, attempt, exit_code, signal, priority,
                            status, job_type, worker, error_class, error_message, group_key, unique_key, result, payload)
select o.execution_id, o.id, s.definition_id, o.started_at, o.finished_at,
       round(extract(epoch from o.finished_at - o.started_at) * 1000), o.cpu_ms, o.peak_rss_bytes,
       case when s.ends then s.scheduled_for end, case when s.ends then s.created_at end, s.slot,
       s.attempts + case when o.job_status is null then 0 else o.uncounted end,
       o.exit_code, o.signal, case when s.ends then s.priority end, o.run_status, s.job_type, $4::text,
       o.error_class, o.error_message, case when s.ends then s.group_key end,
       case when s.ends then s.unique_key end, o.result, case when s.ends then s.payload end
  from settled s join outcome o on o.execution_id = s.execution_id and o.id = s.id
returning id
