-- Of these definitions those that may not be run now: they are paused, or an earlier run of them is not over.
--   $1 names text[]   $2 now timestamptz
-- Index: job_queue_definition.
select d.id, d.paused_since is not null and coalesce(d.paused_until > $2::timestamptz, true) as paused,
       d.policies ->> 'overlap' = 'skip'
         and exists (select from job_queue q where q.definition_id = d.id and q.status in ('pending', 'running')) as unfinished
  from job_definitions d
 where d.name = any ($1::text[]) and d.is_active
