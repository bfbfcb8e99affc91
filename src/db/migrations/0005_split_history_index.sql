-- What was completed and what was not are kept for different times, so each has an index in the order of its end: the
-- first entry says whether anything is too old.
drop index job_executions_finished;
create index job_executions_completed on job_executions (finished_at) where status = 'completed';
