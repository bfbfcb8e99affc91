-- Whether there is history older than it is to be kept. The last attempts of definitions are kept for ever.
--   In ms: $1 completed bigint   $2 failed bigint   $3 logs bigint
-- Indexes: job_executions_completed, job_executions_failed, job_logs_timestamp, each from its first entry;
-- job_executions_definition.
select coalesce((select e.finished_at from job_executions e
                  where e.status = 'completed'
                    and (e.job_definition_id is null
                         or exists (select from job_executions later
                                     where later.job_definition_id = e.job_definition_id
                                       and later.job_queue_id is not null and later.id > e.id))
                  order by e.finished_at limit 1) < now() - $1::bigint * interval '1 ms', false)
    or coalesce((select e.finished_at from job_executions e
                  where e.status <> 'completed'
                    and (e.job_definition_id is null or e.job_queue_id is null
                         or exists (select from job_executions later
                                     where later.job_definition_id = e.job_definition_id
                                       and later.job_queue_id is not null and later.id > e.id))
                  order by e.finished_at limit 1) < now() - $2::bigint * interval '1 ms', false)
    or coalesce((select min(timestamp) from job_logs) < now() - $3::bigint * interval '1 ms', false)
