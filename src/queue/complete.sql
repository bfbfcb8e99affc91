-- Completed jobs leave the queue and become history, under the fence. The lean form for jobs without exit codes,
-- messages or results; settle.sql does the others.
--   $1 places tid[] (of the rows as they were claimed)   $2 ids bigint[]   $3 execution ids bigint[]
--   $4 tokens uuid[] (of the claims in this batch)   $5 worker text
--   $6 started float8[]   $7 finished float8[] (in s since 1970: cheaper to read than the text of an instant)
--   $8 duration ms bigint[]
-- Answers the executions that were found in their places and still ours; a row that was changed since, by a request to
-- cancel it, has moved. Only running jobs have a token. Plan: the rows by their places, hash join with the arrays; the
-- session forbids nested loops, which a planner without statistics would take.
with done as (
  delete from job_queue q
   using unnest($2::bigint[], $3::bigint[], $6::float8[], $7::float8[], $8::bigint[])
         as o (id, execution_id, started, finished, duration_ms)
   where q.ctid = any ($1::tid[]) and q.id = o.id and q.execution_id = o.execution_id
     and q.claim_token = any ($4::uuid[])
  returning q.id, q.execution_id, q.definition_id, o.started, o.finished, o.duration_ms, q.scheduled_for,
            q.created_at, q.slot, q.attempts, q.priority, q.job_type, q.group_key, q.unique_key, q.payload
)
insert into job_executions (id, job_queue_id, job_definition_id, started_at, finished_at, duration_ms, job_scheduled_for,
                            job_created_at, slot, attempt, priority, status, job_type, worker, group_key, unique_key, payload)
select execution_id, id, definition_id, to_timestamp(started), to_timestamp(finished), duration_ms, scheduled_for,
       created_at, slot, attempts, priority, 'completed', job_type, $5::text, group_key, unique_key, payload
  from done
returning id
