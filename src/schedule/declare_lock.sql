-- Waits until nobody plans and nobody hands definitions over. Kept until the end of the transaction.
select pg_advisory_xact_lock(hashtextextended('schedctl.plan ' || current_schema(), 0))
