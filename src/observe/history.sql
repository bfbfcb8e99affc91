-- Finished executions, newest first.
--   $1 job id bigint   $2 job type text   $3 status text   $4 not before timestamptz   $5 nor longer ago than, in ms, bigint
--   $6 limit bigint. Null: whatever it is.
-- Returns the plain columns for people, and json: the columns of the view executions as one object.
-- Indexes: job_executions_completed and job_executions_failed from their ends; job_executions_job with $1. The table and
-- not the view: what runs has not finished.
select e.id, e.job_queue_id, e.job_type, e.status, at.started_at, at.finished_at, e.duration_ms, e.attempt, e.worker,
       e.exit_code, e.signal, e.error_message,
       (select row_to_json(j)::text
          from (select e.id, e.job_queue_id, e.job_definition_id, e.job_type, e.status, at.started_at, at.finished_at,
                       e.duration_ms, e.attempt, e.worker, e.exit_code, e.signal, e.error_class, e.error_message,
                       e.result, e.cpu_ms, e.peak_rss_bytes, e.metadata) j) as json
  from ((select id, job_queue_id, job_definition_id, job_type, status, started_at, finished_at, duration_ms, attempt, worker,
                exit_code, signal, error_class, error_message, result, cpu_ms, peak_rss_bytes, metadata
           from job_executions
          where status = 'completed'
            and ($1::bigint is null or job_queue_id = $1::bigint)
            and ($2::text is null or job_type = $2::text)
            and ($3::text is null or status = $3::text)
            and ($4::timestamptz is null or finished_at >= $4::timestamptz)
            and ($5::bigint is null or finished_at >= now() - $5::bigint * interval '1 millisecond')
          order by finished_at desc, id desc limit $6::bigint)
        union all
        (select id, job_queue_id, job_definition_id, job_type, status, started_at, finished_at, duration_ms, attempt, worker,
                exit_code, signal, error_class, error_message, result, cpu_ms, peak_rss_bytes, metadata
           from job_executions
          where status <> 'completed'
            and ($1::bigint is null or job_queue_id = $1::bigint)
            and ($2::text is null or job_type = $2::text)
            and ($3::text is null or status = $3::text)
            and ($4::timestamptz is null or finished_at >= $4::timestamptz)
            and ($5::bigint is null or finished_at >= now() - $5::bigint * interval '1 millisecond')
          order by finished_at desc, id desc limit $6::bigint)) e
 cross join lateral (select to_char(e.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started_at,
                            to_char(e.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as finished_at) at
 order by e.finished_at desc, e.id desc
 limit $6::bigint
