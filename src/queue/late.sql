-- Keep outcomes that came too late with the executions that were declared lost.
--   $1 execution ids bigint[]   $2 statuses text[]   $3 finished timestamptz[]   $4 exit codes integer[]
--   $5 error messages text[]   $6 results jsonb[]
update job_executions e
   set metadata = coalesce(e.metadata, '{}') || jsonb_build_object('late_outcome', jsonb_strip_nulls(jsonb_build_object(
         'status', o.status, 'finished_at', o.finished_at, 'exit_code', o.exit_code,
         'error_message', nullif(o.error_message, ''), 'result', o.result)))
  from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::integer[], $5::text[], $6::jsonb[])
       as o (execution_id, status, finished_at, exit_code, error_message, result)
 where e.id = o.execution_id and e.status = 'lost' and not coalesce(e.metadata ? 'late_outcome', false)
