-- Whether this transaction made the job, rather than found it there.
--   $1 job bigint
select exists (select from job_queue where id = $1::bigint and xmin = pg_current_xact_id()::xid) as inserted
