-- Whether there is history older than it is to be kept.
--   In ms: $1 completed bigint   $2 failed bigint   $3 logs bigint
-- Indexes: job_executions_completed, job_executions_failed, job_logs_timestamp, each for its first entry.
select coalesce((select min(finished_at) from job_executions where status = 'completed')
                  < now() - $1::bigint * interval '1 ms', false)
    or coalesce((select min(finished_at) from job_executions where status <> 'completed')
                  < now() - $2::bigint * interval '1 ms', false)
    or coalesce((select min(timestamp) from job_logs) < now() - $3::bigint * interval '1 ms', false)
