-- Send a dead job back to the queue; the rules are those of the function.
--   $1 job bigint
-- answer: its id; null when the job is not in the queue, then finished says how it ended, unless it is unknown.
select case when exists (select from job_queue where id = $1::bigint) then retry($1::bigint) end as answer,
       (select status from jobs where id = $1::bigint and finished_at is not null limit 1) as finished
