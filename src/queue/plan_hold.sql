-- How hold.sql is to be planned, until the end of the transaction, whatever the session is otherwise for: a walk along
-- job_queue_due.
select set_config('enable_indexscan', 'on', true), set_config('enable_nestloop', 'on', true),
       set_config('enable_hashjoin', 'off', true)
