-- Remove a worker that has nothing left; one that still holds jobs stays, to be rescued.
--   $1 worker bigint
delete from workers w
 where w.id = $1::bigint
   and not exists (select from job_queue q where q.locked_by = w.id)
returning w.id
