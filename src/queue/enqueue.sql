-- Store one job; the rules are those of the function.
--   $1 job type text   $2 payload text   $3 scheduled for timestamptz (null: now)   $4 milliseconds after that bigint
--   $5 priority bigint   $6 max attempts bigint   $7 group key text   $8 unique key text   $9 timeout in milliseconds bigint
--   $10 expires at timestamptz   $11 or milliseconds after it is due bigint
-- The job's id, and the transaction in which it was stored.
select enqueue(
         job_type => $1::text, payload => $2::text, scheduled_for => due.at, priority => $5::bigint,
         max_attempts => $6::bigint, group_key => $7::text, unique_key => $8::text, timeout_ms => $9::bigint,
         expires_at => coalesce($10::timestamptz, due.at + $11::bigint * interval '1 millisecond')) as id,
       pg_current_xact_id()::text as transaction
  from (select coalesce($3::timestamptz, now()) + coalesce($4::bigint, 0) * interval '1 millisecond' as at) as due
