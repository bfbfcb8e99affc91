-- Declare a worker dead, unless it has renewed its lease since it was looked at. Its lease ends in 1970, which no renewal
-- changes any more.
--   $1 worker bigint   $2 the end of its lease when it was looked at timestamptz
update workers set lease_until = to_timestamp(0)
 where id = $1::bigint and lease_until in ($2::timestamptz, to_timestamp(0))
returning id
