-- All attempts at one job, the first one first, also the one that runs.
--   $1 job id bigint
-- Returns the same columns as history.sql. Indexes: job_executions_job, job_queue_pkey.
select e.id, e.job_queue_id, e.job_type, e.status, at.started_at, at.finished_at, e.duration_ms, e.attempt, e.worker,
       e.exit_code, e.signal, e.error_message,
       (select row_to_json(j)::text
          from (select e.id, e.job_queue_id, e.job_definition_id, e.job_type, e.status, at.started_at, at.finished_at,
                       e.duration_ms, e.attempt, e.worker, e.exit_code, e.signal, e.error_class, e.error_message,
                       e.result, e.cpu_ms, e.peak_rss_bytes, e.metadata) j) as json
  from executions e
 cross join lateral (select to_char(e.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
                            to_char(e.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at) at
 where e.job_queue_id = $1::bigint
 order by e.id
