-- Held jobs leave the queue and become history, in the transaction that holds them.
--   $1 places tid[]   $2 ids bigint[]   $3 execution ids bigint[]   $4 worker text
--   $5 started float8[]   $6 finished float8[] (in s since 1970: cheaper to read than the text of an instant)
--   $7 duration ms bigint[]
-- Plan: as in complete.sql.
with done as (
  delete from job_queue q
   using unnest($2::bigint[], $3::bigint[], $5::float8[], $6::float8[], $7::bigint[])
         as o (id, execution_id, started, finished, duration_ms)
   where q.ctid = any ($1::tid[]) and q.id = o.id
  returning q.id, o.execution_id, q.definition_id, o.started, o.finished, o.duration_ms, q.scheduled_for,
            q.created_at, q.slot, q.attempts, q.priority, q.job_type, q.group_key, q.unique_key, q.payload
)
insert into job_executions (id, job_queue_id, job_definition_id, started_at, finished_at, duration_ms, job_scheduled_for,
                            job_created_at, slot, attempt, priority, status, job_type, worker, group_key, unique_key, payload)
select execution_id, id, definition_id, to_timestamp(started), to_timestamp(finished), duration_ms, scheduled_for,
       created_at, slot, attempts + 1, priority, 'completed', job_type, $4::text, group_key, unique_key, payload
  from done
