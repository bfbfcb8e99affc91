-- The definitions in force, with how long their runs usually take: the median of the last twenty that were completed.
-- No parameters.
-- Index: job_executions_definition.
select d.name, d.handler, d.written, d.timezone, d.policies, d.priority, d.concurrency_limit,
       coalesce(d.policies ->> 'group', '') as group_key, d.is_active, d.paused_since, d.paused_until, usual.duration_ms
  from job_definitions d
  left join lateral (
   select round(percentile_cont(0.5) within group (order by last.duration_ms))::bigint as duration_ms
     from (select e.duration_ms from job_executions e
            where e.job_definition_id = d.id and e.job_queue_id is not null and e.status = 'completed'
            order by e.id desc limit 20) as last) as usual on true
 where exists (select from declarations x where x.definition = d.name)
 order by d.name
