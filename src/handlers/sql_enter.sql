-- What a `sql` handler's statement finds in its session.
--   $1 statement timeout in ms bigint (0: none)   $2 role text (empty: the connection's)   $3 local to the transaction boolean
--   $4 job id   $5 execution id   $6 attempt   $7 slot   $8 deadline   $9 idempotency key: text
select set_config('statement_timeout', $1::bigint::text, $3::boolean),
       set_config('schedctl.job_id', $4::text, $3::boolean),
       set_config('schedctl.execution_id', $5::text, $3::boolean),
       set_config('schedctl.attempt', $6::text, $3::boolean),
       set_config('schedctl.slot', coalesce($7::text, ''), $3::boolean),
       set_config('schedctl.deadline', $8::text, $3::boolean),
       set_config('schedctl.idempotency_key', $9::text, $3::boolean),
       case when $2::text <> '' then set_config('role', $2::text, $3::boolean) end
