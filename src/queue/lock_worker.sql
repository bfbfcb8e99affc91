-- Keep a worker from claiming until this transaction ends. No row: it is gone, or a claim of it is under way.
--   $1 worker bigint
select id from workers where id = $1::bigint for update skip locked
