-- Let this session hear of jobs that are enqueued.
--   $1 worker bigint
select listen_for_jobs($1::bigint)
