-- Definitions whose slots were used up by a clock that was more than a day ahead go on from now. What had its jobs then
-- is not run again. To be run behind declare_lock.sql.
--   $1 now timestamptz
update job_definitions
   set used_until = greatest(used_until, last_slot), last_slot = $1::timestamptz,
       next_run_at = case when is_active then $1::timestamptz end, waiting_since = null, look_at = null
 where last_slot > $1::timestamptz + interval '1 day'
returning name
