-- One planner at a time, on all hosts: who does not get the lock goes on without planning. Kept until the end of the
-- transaction. A pause of everything whose time is over is accounted for first.
--   $1 now timestamptz
-- mine: whether this transaction may plan.
select case when lock.mine then end_expired_pause($1::timestamptz) is not null else false end as mine
  from (select pg_try_advisory_xact_lock(hashtextextended('schedctl.plan ' || current_schema(), 0)) as mine offset 0) as lock
