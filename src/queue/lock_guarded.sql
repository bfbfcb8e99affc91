-- One claim of guarded jobs at a time: whoever has this lock sees every guarded job that runs. Kept until the end of the
-- transaction. Each statement behind it has a snapshot of its own, which is why it is not part of the claim.
select pg_advisory_xact_lock(hashtextextended('schedctl.guarded ' || current_schema(), 0))
