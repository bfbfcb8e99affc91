-- Store log lines, but for those that are there already.
--   $1 execution ids bigint[]   $2 timestamps timestamptz[]   $3 streams text[]   $4 messages text[]
insert into job_logs (job_execution_id, timestamp, level, stream, message)
select l.execution_id, l.at, case when l.stream = 'stderr' then 'warn' else 'info' end, l.stream, l.message
  from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[]) as l (execution_id, at, stream, message)
 where not exists (select from job_logs there
                    where there.job_execution_id = l.execution_id and there.timestamp = l.at
                      and there.stream = l.stream and there.message = l.message)
