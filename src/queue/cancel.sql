-- Cancel a job; the rules are those of the function.
--   $1 job bigint   $2 reason text
-- answer: cancelled, or running when its worker is asked to end it; null when the job is not in the queue, then finished
-- says how it ended, unless it is unknown.
select case when exists (select from job_queue where id = $1::bigint) then cancel($1::bigint, $2::text) end as answer,
       (select status from jobs where id = $1::bigint and finished_at is not null limit 1) as finished
