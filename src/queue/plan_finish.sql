-- How finish.sql is to be planned, until the end of the transaction, whatever the session is otherwise for: rows by their
-- places, joined by hash with arrays of whose length the planner knows nothing. The sessions that complete are like that.
select set_config('enable_hashjoin', 'on', true), set_config('enable_nestloop', 'off', true),
       set_config('enable_indexscan', 'off', true)
