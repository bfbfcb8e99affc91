-- Hosts that have not been heard of for so long that they will not come back declare nothing any more; should one do so, it
-- declares again. To be run behind declare_lock.sql.
--   $1 now timestamptz
with silent as (
  update hosts set definitions_hash = '' where last_tick_at < $1::timestamptz - interval '30 days' and definitions_hash <> ''
  returning host
), gone as (
  delete from declarations where host in (select host from silent)
)
select host from silent
