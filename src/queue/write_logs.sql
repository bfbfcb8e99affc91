-- Store log lines.
--   $1 execution ids bigint[]   $2 timestamps timestamptz[]   $3 streams text[]   $4 messages text[]
insert into job_logs (job_execution_id, timestamp, level, stream, message)
select l.execution_id, l.at, case when l.stream = 'stderr' then 'warn' else 'info' end, l.stream, l.message
  from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[]) as l (execution_id, at, stream, message)
