-- The definitions that are due, most urgent first. To be run behind plan_lock.sql.
--   $1 now timestamptz   $2 limit integer   $3 boolean: also those that wait for dependencies, whenever they are due
--   $4 bigint[]: leave these out
-- Locks: the rows, against pauses; one that is being paused at this moment is left out.
-- Indexes: job_definitions_due, job_definitions_waiting, job_queue_definition.
select d.id, d.name, d.written, d.timezone, d.policies, d.last_slot, d.next_run_at, d.paused_since, d.paused_until,
       d.waiting_since,
       (select count(*) from job_queue q where q.definition_id = d.id and q.status in ('pending', 'running')) as unfinished
  from job_definitions d
 where d.id = any (array(select id from job_definitions where due_at <= $1::timestamptz and id <> all ($4::bigint[])
                          order by priority desc, due_at, id limit $2::integer)
                   || array(select id from job_definitions
                             where $3::boolean and waiting_since is not null and next_run_at <= $1::timestamptz
                               and is_active and (paused_since is null or paused_until <= $1::timestamptz)))
 order by d.priority desc, d.due_at, d.id
   for no key update of d skip locked
