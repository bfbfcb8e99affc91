-- What the definitions of jobs say about retries, where they say something.
--   $1 jobs bigint[]
-- Index: job_queue_pkey.
select q.id, d.policies -> 'retry' as retry
  from job_queue q
  join job_definitions d on d.id = q.definition_id
 where q.id = any ($1::bigint[]) and q.definition_id is not null and d.policies ? 'retry'
