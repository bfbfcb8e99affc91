-- Definitions of which no jobs could be made, by the rules of the queue.
--   $1 names text[]   $2 handlers text[]   $3 payloads text[]   $4 priorities bigint[]   $5 max_retries bigint[]
--   $6 groups text[]   $7 timeout_ms bigint[]
select n.name, n.fault
  from (select d.name, enqueue_fault(d.handler, d.payload::jsonb, octet_length(d.payload),
                                     (select value::bigint from settings where key = 'payload_limit'), now(), d.priority,
                                     d.max_retries + 1, d.group_key, null, d.timeout_ms, null) as fault
          from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[])
               as d (name, handler, payload, priority, max_retries, group_key, timeout_ms)) as n
 where n.fault is not null
