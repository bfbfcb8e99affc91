-- How definitions are that others depend on.
--   $1 names text[]   $2 now timestamptz
-- last_status is that of the last attempt; what is unfinished has not had its last.
-- Indexes: job_definitions_name_key, declarations_pkey, job_queue_definition, job_executions_definition.
select d.name, exists (select from declarations x where x.definition = d.name) as declared,
       coalesce(d.due_at <= $2::timestamptz or d.waiting_since is not null, false) as due,
       exists (select from job_queue q where q.definition_id = d.id and q.status in ('pending', 'running')) as unfinished,
       (select e.status from job_executions e where e.job_definition_id = d.id and e.job_queue_id is not null
         order by e.id desc limit 1) as last_status
  from job_definitions d
 where d.name = any ($1::text[])
