-- Renew a worker's lease. No row: the worker was declared dead and its jobs belong to others.
--   $1 worker bigint   $2 lease in milliseconds bigint
-- Touches no other table: a lock on the queue must not end a lease.
update workers set lease_until = clock_timestamp() + $2::bigint * interval '1 ms'
 where id = $1::bigint and lease_until > to_timestamp(0)
returning id
