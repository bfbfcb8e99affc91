-- Hear of jobs no longer.
--   $1 worker bigint
select unlisten_for_jobs($1::bigint)
