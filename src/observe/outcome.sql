-- How a job is, and whether it is over: finished, or dead until a person does something.
--   $1 job id bigint
select status, coalesce(error_message, '') as error_message,
       finished_at is not null or status in ('failed', 'timeout', 'cancelled') as is_over
  from jobs
 where id = $1::bigint
 limit 1
