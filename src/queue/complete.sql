-- Completed jobs leave the queue and become history, under the fence. The lean form for jobs without exit codes,
-- messages or results; settle.sql does the others.
--   $1 ids bigint[]   $2 execution ids bigint[]   $3 tokens uuid[] (of the claims in this batch)   $4 worker text
--   $5 started timestamptz[]   $6 finished timestamptz[]
-- Answers the executions that were still ours. Only running jobs have a token; to ask for the status as well would
-- invite the planner to the index of running jobs. Plan: primary key by array, hash join with the arrays; the
-- session forbids nested loops, which a planner without statistics would take.
with done as (
  delete from job_queue q
   using unnest($1::bigint[], $2::bigint[], $5::timestamptz[], $6::timestamptz[])
         as o (id, execution_id, started_at, finished_at)
   where q.id = any ($1::bigint[]) and q.id = o.id and q.execution_id = o.execution_id
     and q.claim_token = any ($3::uuid[])
  returning q.id, q.execution_id, q.definition_id, o.started_at, o.finished_at, q.scheduled_for, q.created_at, q.slot,
            q.attempts, q.priority, q.job_type, q.group_key, q.unique_key, q.payload
)
insert into job_executions (id, job_queue_id, job_definition_id, started_at, finished_at, duration_ms, job_scheduled_for,
                            job_created_at, slot, attempt, priority, status, job_type, worker, group_key, unique_key, payload)
select execution_id, id, definition_id, started_at, finished_at,
       round(extract(epoch from finished_at - started_at) * 1000), scheduled_for, created_at, slot, attempts, priority,
       'completed', job_type, $4::text, group_key, unique_key, payload
  from done
returning id
